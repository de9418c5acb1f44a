// A mail to begin with: MJML that looks well on a phone, with what most mails have, in the language that it is written in.

const WORDS = {
  vi: { preview: "Câu hiện cạnh tiêu đề trong hộp thư", title: "Điều quan trọng nhất", hello: "Chào {{ profile.name | default: 'bạn' }},", text: "Viết nội dung ở đây.", press: "Xem ngay", refuse: "Từ chối nhận tin" },
  en: { preview: "What stands beside the subject in the inbox", title: "What matters most", hello: "Hello {{ profile.name | default: 'there' }},", text: "Write here.", press: "Have a look", refuse: "Unsubscribe" },
};

/** Give the MJML for a language, `vi` or `en-GB`; English where there is none. */
export function starter(locale) {
  const words = WORDS[locale.slice(0, 2)] ?? WORDS.en;
  return `<mjml>
  <mj-head>
    <mj-preview>${words.preview}</mj-preview>
    <mj-attributes><mj-all font-family="Arial, sans-serif" /></mj-attributes>
  </mj-head>
  <mj-body background-color="#f6f7f8">
    <mj-section background-color="#ffffff">
      <mj-column>
        <mj-text font-size="24px" font-weight="700">${words.title}</mj-text>
        <mj-text font-size="16px" line-height="1.6">${words.hello}<br />${words.text}</mj-text>
        <mj-button background-color="#0f766e" href="https://">${words.press}</mj-button>
      </mj-column>
    </mj-section>
    <mj-section>
      <mj-column>
        <mj-text font-size="12px" align="center"><a href="{{ unsubscribe_url }}">${words.refuse}</a></mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
`;
}
