/** The page of one phone: what is registered, its flows, what ended, and its messages as they pass. */
import { CommandLine } from "/command.js";
import { Elsewhere, elsewhereOf } from "/farm.js";
import { byId, note, setText } from "/make.js";
import { ban, removeBindings } from "/orders.js";
import { addressIn, bindingsOf, endsOf, flowsOf, historyOf, isAor, MAX_FLOWS } from "/phone-data.js";
import { isExpired, PhoneTables } from "/phone-tables.js";
import { drawPicture } from "/picture.js";
import { server } from "/server.js";
import { TraceView } from "/trace.js";
import { countdown, many } from "/words.js";

/** In beats, which come once a second while the line is up. */
const LOOK = 2;
const LOOK_BACK = 10;

export class PhoneView {
  word = "";
  #trace = new TraceView();
  #tables = new PhoneTables();
  #elsewhere = new Elsewhere(byId("elsewhere"));
  #command = new CommandLine(byId("phone-command"));
  #beats = 0;
  #seen;
  #seenAt = 0;
  #ended = [];
  #endedAt = 0;
  #hasRecalled = false;

  constructor() {
    byId("phone-ban").addEventListener("click", () => void ban(addressIn(this.word)));
    byId("bindings-remove").addEventListener("click", () => void removeBindings(this.#aor()));
  }

  open(word) {
    if (word === this.word) return;
    this.close();
    this.word = word;
    setText(byId("phone-title"), word);
    setText(byId("phone-now"), "Looking …");
    drawPicture(byId("picture"), []);
    byId("history").replaceChildren();
    byId("elsewhere").replaceChildren();
    byId("phone-ban").hidden = addressIn(word) === "";
    this.#command.show("flows", word);
    byId("phone-title").focus({ preventScroll: true });
    void this.refresh();
  }

  close() {
    this.word = "";
    this.#seen = undefined;
    this.#hasRecalled = false;
    this.#ended = [];
    this.#trace.close();
  }

  /** Once a second, on the server's clock. */
  beat() {
    if (this.word === "") return;
    this.#beats += 1;
    if (this.#beats % LOOK === 0) void this.refresh(this.#beats % LOOK_BACK === 0);
    this.#trace.beat();
    this.#show();
  }

  /** The line is back, perhaps to another start of the server. */
  again() {
    this.#lookAgain();
    this.#trace.renew();
  }

  /** False: no message was open. */
  closeMessage() {
    return this.#trace.closeMessage();
  }

  take(event) {
    this.#trace.take(event);
  }

  /** Of the history, as they happen. */
  happened(events) {
    if (this.word !== "" && events.some(({ aor, from, to, address }) => [aor, from, to, address].includes(this.word))) this.#lookAgain();
  }

  async refresh(withEnded = true) {
    const { word } = this;
    if (word === "") return;
    const started = performance.now();
    try {
      const { flows, more } = await flowsOf(word);
      const bindings = await bindingsOf(word, flows);
      const ended = withEnded ? await endsOf(word) : undefined;
      if (withEnded) void this.#lookElsewhere(word);
      if (word !== this.word) return;
      byId("phone").dataset.milliseconds = String(Math.round(performance.now() - started));
      this.#seen = { flows, bindings, more };
      this.#seenAt = Date.now();
      if (!this.#hasRecalled) void this.#recall(word, flows);
      if (ended !== undefined) [this.#ended, this.#endedAt] = [ended, Date.now()];
      drawPicture(byId("picture"), flows);
      this.#trace.watch(word, flows);
      this.#show();
    } catch (error) {
      if (word === this.word) byId("phone-now").replaceChildren(note(error.message, "fail"));
    }
  }

  /** Asks every edge of the farm, so it is done seldom, and nothing waits for it. */
  async #lookElsewhere(word) {
    byId("elsewhere-part").hidden = server.neighbours === 0;
    if (server.neighbours === 0) return;
    try {
      const found = await elsewhereOf(word, server.node);
      if (word === this.word) this.#elsewhere.show(found);
    } catch (error) {
      if (word === this.word) this.#elsewhere.fail(error.message);
    }
  }

  #lookAgain() {
    this.#hasRecalled = false;
    void this.refresh();
  }

  /** The history may be large, so it is searched only when something has happened, and nothing waits for it. */
  async #recall(word, flows) {
    this.#hasRecalled = true;
    const history = await historyOf(isAor(word) ? word : addressIn(word) || (flows[0]?.aors[0]?.aor ?? word));
    if (word === this.word) this.#tables.showHistory(history);
  }

  #show() {
    if (this.#seen === undefined) return;
    const passed = Date.now() - this.#seenAt;
    const { flows, bindings, more } = this.#seen;
    this.#tables.show({ flows, bindings, ended: this.#ended, passed, endedPassed: Date.now() - this.#endedAt });
    setText(byId("phone-now"), [registeredText(flows, bindings, passed), flowsText(flows, more), returnsText(this.#ended)].join(" "));
    byId("bindings-remove").hidden = this.#aor() === "" || (bindings ?? []).length === 0;
  }

  #aor() {
    return isAor(this.word) ? this.word : (this.#seen?.bindings?.[0]?.aor ?? "");
  }
}

function registeredText(flows, bindings, passed) {
  const all = bindings ?? flows.flatMap(({ aors }) => aors);
  const living = all.filter((one) => !isExpired(one, passed));
  const where = bindings === undefined && server.mode === "edge" ? ", as far as this edge knows" : "";
  const aors = new Set(living.map(({ aor }) => aor)).size;
  if (aors > 1) return `${many(aors, "AOR")} registered${where}.`;
  if (living.length === 0) return all.length === 0 ? `Not registered${where}.` : "Its registration has expired.";
  const known = living.flatMap(({ expiresInSeconds }) => (expiresInSeconds === null ? [] : [expiresInSeconds - passed / 1000]));
  return known.length === 0 ? `Registered${where}.` : `Registered for another ${countdown(Math.max(...known))}${where}.`;
}

function flowsText(flows, more) {
  if (more) return `More than ${MAX_FLOWS} flows; the first ones are shown.`;
  return flows.length === 0 ? "No flow now." : `${many(flows.length, "flow")} now.`;
}

function returnsText(ended) {
  return ended.length === 0 ? "No flow of it ended this hour." : `${many(ended.length, "flow")} of it ended this hour.`;
}
