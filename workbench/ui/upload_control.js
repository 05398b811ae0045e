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
  const label = document.createElement("label");
  const input = document.createElement("input");
  const status = document.createElement("span");
  input.type = "file";
  input.style.marginLeft = "0.5em";
  status.setAttribute("role", "status");
  status.style.marginLeft = "0.5em";
  const show = () => {
    input.accept = model.get("accept");
    input.multiple = model.get("multiple");
    label.firstChild.nodeValue = model.get("label");
    status.textContent = model.get("status");
  };
  label.append(document.createTextNode(""), input);
  label.style.marginLeft = "4px";
  label.style.color = "var(--jp-ui-font-color1, inherit)";
  status.style.color = "var(--jp-ui-font-color1, inherit)";
  el.append(label, status);
  input.addEventListener("change", async () => {
    const files = [...input.files];
    input.disabled = true;
    for (const [index, file] of files.entries()) {
      if (!(await sendFile(model, file, index === 0, index === files.length - 1))) break;
    }
    input.disabled = false;
    input.value = "";
  });
  model.on("change", show);
  show();
}

export default { render };
