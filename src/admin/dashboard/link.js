/** The line to the edge: questions by HTTP, numbers and messages by a WebSocket that comes back by itself. */
const STORE = "sluice-token";
let token = sessionStorage.getItem(STORE) ?? "";

/** Asks for the token; resolves when one was entered. */
function login() {
  const dialog = document.getElementById("login");
  document.getElementById("login-fault").textContent = token === "" ? "" : "That is not the token.";
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      token = document.getElementById("token").value;
      sessionStorage.setItem(STORE, token);
      resolve();
    }, { once: true });
  });
}

/** The JSON answer; throws an Error with the edge's own words. */
export async function ask(method, path, body) {
  const headers = token === "" ? {} : { authorization: `Bearer ${token}` };
  if (method !== "GET") headers["content-type"] = "application/json";
  const response = await fetch(path, { method, headers, body: body === undefined ? null : JSON.stringify(body) });
  if (response.status === 401) {
    await login();
    return ask(method, path, body);
  }
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? `HTTP ${response.status}`);
  return answer;
}

const AGAIN_MS = 1000;

/** `heard(event)` for each event of the edge, `line(true | false)` when the line comes and goes. */
export function listen(heard, line) {
  const query = token === "" ? "" : `?token=${encodeURIComponent(token)}`;
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live${query}`);
  socket.onopen = () => line(true);
  socket.onmessage = ({ data }) => heard(JSON.parse(data));
  socket.onclose = () => {
    line(false);
    setTimeout(() => listen(heard, line), AGAIN_MS);
  };
}
