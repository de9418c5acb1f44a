// Inside the frame of a message: shows the HTML that the console hands over in a frame without scripts, forms or origin.
function show(html) {
  const inner = document.createElement("iframe");
  inner.setAttribute("sandbox", "");
  inner.title = document.title;
  inner.srcdoc = html;
  document.body.replaceChildren(inner);
}

window.addEventListener("message", (event) => {
  if (event.source === window.parent && typeof event.data?.html === "string") show(event.data.html);
});
