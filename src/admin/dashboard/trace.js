/** The messages of the phone that is open. The server copies them only while somebody looks: for half a minute, asked for again and again. */
import { Ladder } from "/ladder.js";
import { Lanes } from "/lanes.js";
import { ask } from "/link.js";
import { byId, setText } from "/make.js";
import { MessageView } from "/message.js";
import { traceOf } from "/phone-data.js";
import { detail, route } from "/route.js";

const SECONDS = 30;
/** In beats of a second. */
const RENEW = 10;

export class TraceView {
  #lanes = new Lanes(() => this.#ladder.relabel());
  #message = new MessageView();
  #ladder = new Ladder(byId("ladder"), this.#lanes, (message) => this.#message.show(message));
  #id;
  #what = "";
  #beats = 0;
  #paused = false;
  #waiting = [];

  constructor() {
    byId("pause").addEventListener("click", () => this.#pause(!this.#paused));
    byId("message-close").addEventListener("click", () => this.closeMessage());
  }

  /** What is traced is decided once flows are known, and stays until `close`. */
  watch(word, flows) {
    this.#lanes.know(flows);
    if (this.#what !== "") return;
    this.#what = traceOf(word, flows);
    if (this.#what === "") return setText(byId("trace"), "no flow to look at");
    this.#ladder.want(route().message);
    this.renew();
  }

  beat() {
    this.#beats += 1;
    if (this.#beats % RENEW === 0) this.renew();
  }

  renew() {
    if (this.#what !== "") void this.#ask(this.#what);
  }

  take({ trace, messages }) {
    if (trace !== this.#id) return;
    if (this.#paused) {
      this.#waiting.push(...messages);
      setText(byId("pause"), `Go on (${this.#waiting.length})`);
    } else this.#ladder.add(messages);
  }

  close() {
    this.#what = "";
    this.#id = undefined;
    this.#beats = 0;
    this.#waiting = [];
    this.#pause(false);
    this.#ladder.clear();
    this.#lanes.clear();
    this.#message.hide();
    setText(byId("trace"), "");
  }

  /** False: none was open. */
  closeMessage() {
    if (!this.#message.isOpen) return false;
    this.#message.hide();
    this.#ladder.release();
    detail({ message: "" });
    return true;
  }

  /** Of another start of the server, or after a pause of the line, it has another name, and messages that we have not seen. */
  async #ask(what) {
    try {
      const { id } = await ask("POST", "/api/traces", { what, seconds: SECONDS });
      if (what !== this.#what) return;
      this.#id = id;
      const { messages } = await ask("GET", `/api/traces/${id}`);
      if (id !== this.#id) return;
      this.#ladder.add(messages);
      setText(byId("trace"), `of ${what} while this page is open, credentials unreadable`);
    } catch (error) {
      if (what === this.#what) setText(byId("trace"), error.message);
    }
  }

  #pause(paused) {
    this.#paused = paused;
    setText(byId("pause"), paused ? "Go on" : "Pause");
    byId("pause").setAttribute("aria-pressed", String(paused));
    if (paused) return;
    this.#ladder.add(this.#waiting);
    this.#waiting = [];
  }
}
