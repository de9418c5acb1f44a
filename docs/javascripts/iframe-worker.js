// The site's search works in a worker, and a browser starts none for a page that was opened from the disk. There a hidden
// frame stands in for it: it has globals of its own, and a message is an event. The theme's worker knows one by this name.
if (location.protocol === "file:") {
  const load = (inside, url) =>
    new Promise((done, failed) => {
      const script = inside.document.createElement("script");
      script.src = url;
      script.onload = done;
      script.onerror = () => failed(new Error(`${url} cannot be loaded.`));
      inside.document.head.append(script);
    });

  const frame = () =>
    new Promise((done) => {
      const made = document.createElement("iframe");
      made.hidden = true;
      made.title = "search";
      made.srcdoc = "<!doctype html>";
      made.onload = () => done(made.contentWindow);
      document.body.append(made);
    });

  window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super();
      const place = new URL(url, location.href).href;
      this.inside = frame().then(async (inside) => {
        inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
        inside.importScripts = async (...urls) => {
          for (const one of urls) await load(inside, one);
        };
        await load(inside, place);
        return inside;
      });
    }

    postMessage(data) {
      this.inside.then((inside) => inside.dispatchEvent(new MessageEvent("message", { data })));
    }
  };
  window.Worker = window.IFrameWorker;
}
