/** The line to the server: questions by HTTP, numbers and messages by a WebSocket that comes back by itself. */
const STORE = "sluice-token";
const AGAIN_MS = 1000;
/** Numbers come every second; without any for so long the line is dead, whatever TCP thinks. */
const SILENT_MS = 10_000;
let token = sessionStorage.getItem(STORE) ?? "";
let entering;

/** Resolves when a token was entered. However many questions wait for it, it is asked for once. */
function login() {
  entering ??= new Promise((resolve) => {
    const dialog = document.getElementById("login");
    document.getElementById("login-fault").textContent = token === "" ? "" : "That is not the token.";
    document.getElementById("token").value = "";
    dialog.showModal();
    dialog.addEventListener("close", () => {
      token = document.getElementById("token").value;
      sessionStorage.setItem(STORE, token);
      entering = undefined;
      resolve();
    }, { once: true });
  });
  return entering;
}

async function send(method, path, body, signal) {
  const headers = token === "" ? {} : { authorization: `Bearer ${token}` };
  if (method !== "GET") headers["content-type"] = "application/json";
  try {
    return await fetch(path, { method, headers, body: body === undefined ? null : JSON.stringify(body), signal });
  } catch {
    throw new Error("The server does not answer.");
  }
}

/** The JSON answer; throws an Error with the server's own words. */
export async function ask(method, path, body, signal = null) {
  const response = await send(method, path, body, signal);
  if (response.status === 401) {
    await login();
    return ask(method, path, body, signal);
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? `The server answered with HTTP ${response.status}.`);
  return answer;
}

/** `heard(event)` for each event of the server, `line(true | false)` when the line comes and goes. */
export function listen(heard, line) {
  const query = token === "" ? "" : `?token=${encodeURIComponent(token)}`;
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live${query}`);
  let silence;
  const gone = () => {
    clearTimeout(silence);
    socket.onclose = socket.onmessage = null;
    socket.close();
    line(false);
    setTimeout(() => again(heard, line), AGAIN_MS);
  };
  const wait = () => {
    clearTimeout(silence);
    silence = setTimeout(gone, SILENT_MS);
  };
  socket.onopen = () => line(true);
  socket.onmessage = ({ data }) => {
    wait();
    heard(JSON.parse(data));
  };
  socket.onclose = gone;
  wait();
}

/** A browser does not say why a WebSocket failed. The API does, and asks for the token if another one is needed now. */
async function again(heard, line) {
  try {
    await ask("GET", "/api/status", undefined, AbortSignal.timeout(SILENT_MS));
  } catch {
    setTimeout(() => again(heard, line), AGAIN_MS);
    return;
  }
  listen(heard, line);
}
