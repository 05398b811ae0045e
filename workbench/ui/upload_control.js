const PIECE_BYTES = 1 << 20;

function answer(model) {
  return new Promise((resolve) => {
    const hear = (message) => {
      model.off("msg:custom", hear);
      resolve(message.kind);
    };
    model.on("msg:custom", hear);
  });
}

async function ask(model, message, buffers) {
  const answered = answer(model);
  model.send(message, undefined, buffers);
  return (await answered) === "go_on";
}

async function sendFile(model, file, first, last) {
  if (!(await ask(model, { kind: "begin", name: file.name, size: file.size, first }))) return false;
  for (let at = 0; at < file.size; at += PIECE_BYTES) {
    const piece = await file.slice(at, at + PIECE_BYTES).arrayBuffer();
    if (!(await ask(model, { kind: "piece" }, [piece]))) return false;
  }
  return ask(model, { kind: "end", last });
}

function render({ model, el }) {
  const label = document.createElement("span");
  const input = document.createElement("input");
  const button = document.createElement("button");
  const status = document.createElement("span");
  // The browser's own control says `No file chosen` beside what it uploaded before, and after the page was loaded anew.
  input.type = "file";
  input.hidden = true;
  button.className = "jupyter-button widget-button";
  button.style.marginLeft = "0.5em";
  button.addEventListener("click", () => input.click());
  status.setAttribute("role", "status");
  status.style.marginLeft = "0.5em";
  const show = () => {
    input.accept = model.get("accept");
    input.multiple = model.get("multiple");
    label.textContent = button.title = model.get("label");
    button.textContent = model.get("multiple") ? "Choose files" : "Choose file";
    status.textContent = model.get("status");
  };
  label.style.marginLeft = "4px";
  label.style.color = "var(--jp-ui-font-color1, inherit)";
  status.style.color = "var(--jp-ui-font-color1, inherit)";
  el.append(label, button, input, status);
  input.addEventListener("change", async () => {
    const files = [...input.files];
    button.disabled = true;
    for (const [index, file] of files.entries()) {
      if (!(await sendFile(model, file, index === 0, index === files.length - 1))) break;
    }
    button.disabled = false;
    input.value = "";
  });
  model.on("change", show);
  show();
}

export default { render };
