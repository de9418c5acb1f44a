// Vietnamese people who do not exist: names by how often they occur, addresses in domains that lead nowhere (RFC 2606).

const FAMILY = ['Nguyễn', 'Nguyễn', 'Nguyễn', 'Trần', 'Lê', 'Phạm', 'Hoàng', 'Phan', 'Vũ', 'Đặng', 'Bùi', 'Đỗ'];
const MIDDLE = ['Thị', 'Văn', 'Minh', 'Thu', 'Quang', 'Ngọc', 'Đức', 'Thanh', 'Hữu', 'Kim'];
const GIVEN = [
  'An', 'Bình', 'Châu', 'Dũng', 'Giang', 'Hà', 'Hải', 'Hạnh', 'Hương', 'Khánh', 'Lan', 'Linh', 'Mai', 'Nam', 'Nhung',
  'Phương', 'Quân', 'Sơn', 'Thảo', 'Trang', 'Tuấn', 'Vân', 'Yến',
];
const CITIES = ['TP. Hồ Chí Minh', 'Hà Nội', 'Đà Nẵng', 'Cần Thơ', 'Hải Phòng', 'Huế', 'Nha Trang', 'Đà Lạt'];
const STREETS = ['Lê Lợi', 'Nguyễn Huệ', 'Hai Bà Trưng', 'Trần Hưng Đạo', 'Lý Thường Kiệt', 'Phan Chu Trinh'];

export function any(list) {
  return list[Math.floor(Math.random() * list.length)];
}

function plain(text) {
  return text.replace(/đ/gi, 'd').normalize('NFD').replace(/[^a-z]/gi, '').toLowerCase();
}

export function newcomer(extId) {
  const family = any(FAMILY);
  const given = any(GIVEN);
  return {
    ext_id: extId,
    name: `${family} ${any(MIDDLE)} ${given}`,
    locale: 'vi',
    attributes: { city: any(CITIES), street: `${1 + Math.floor(Math.random() * 300)} ${any(STREETS)}`, tier: 'đồng', orders: 0 },
    addresses: [{ channel: 'email', value: `${plain(given)}.${plain(family)}.${extId}@khach.example` }],
    consents: [{ channel: null, purpose: 'marketing', granted: true, at: new Date().toISOString() }],
  };
}
