/** Orders to the server, each confirmed first: close a flow, ban a source and lift a ban, remove bindings. */
import { ask } from "/link.js";
import { byId, setText } from "/make.js";

let changed = () => undefined;
byId("order-cancel").addEventListener("click", () => byId("order").close(""));

/** Called after an order was carried out. */
export function onChange(then) {
  changed = then;
}

export function closeFlow({ id, transport, address, port }, whose) {
  return order({
    title: "Close this flow?",
    text: `${transport} ${address}:${port}${whose === "" ? "" : ` of ${whose}`}. A phone that is alive opens a new one and registers again.`,
    button: "Close flow",
    run: () => ask("DELETE", `/api/flows/${encodeURIComponent(id)}`, {}),
    done: "The flow is closed.",
  });
}

export function ban(address) {
  return order({
    title: address === "" ? "Ban an address" : `Ban ${address}?`,
    text: "Everything that comes from there is dropped, and its flows are closed: of all phones behind the same address.",
    button: "Ban",
    address,
    run: ({ address: whom, seconds }) => ask("POST", "/api/bans", { address: whom, seconds }),
    done: ({ address: whom }) => `${whom} is banned.`,
  });
}

export function liftBan(address) {
  return order({ title: `Lift the ban of ${address}?`, text: "Its phones may register again.", button: "Lift", run: () => ask("DELETE", `/api/bans/${encodeURIComponent(address)}`, {}), done: `${address} is no longer banned.` });
}

export function removeBindings(aor) {
  return order({ title: "Remove all bindings?", text: `No call reaches ${aor} until a phone of it registers again.`, button: "Remove", run: () => ask("DELETE", `/api/bindings/${encodeURIComponent(aor)}`, {}), done: `${aor} has no bindings now.` });
}

/** `address`: set for a ban, which asks for how long, and for the address if it is "". */
async function order({ title, text, button, address, run, done }) {
  setText(byId("order-title"), title);
  setText(byId("order-text"), text);
  setText(byId("order-go"), button);
  byId("order-ban").hidden = address === undefined;
  byId("order-address").value = address ?? "";
  byId("order-address").required = address !== undefined;
  if (!(await confirmed())) return;
  const given = { address: byId("order-address").value.trim(), seconds: Number(byId("order-seconds").value) };
  try {
    await run(given);
    say(typeof done === "function" ? done(given) : done, "");
    changed();
  } catch (error) {
    say(error.message, "fail");
  }
}

function confirmed() {
  const dialog = byId("order");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "go"), { once: true }));
}

export function say(text, kind) {
  byId("said").className = kind;
  setText(byId("said"), text);
}
