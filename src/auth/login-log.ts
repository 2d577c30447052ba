/** Failed logins as log lines: at most one a second for each source, in a form that fail2ban reads (deploy/fail2ban). */
import type { Login } from "./authenticator.js";
import type { Log } from "../observe/log.js";
import { LogRate } from "../observe/log-rate.js";
import { networkOf } from "../observe/network.js";
import { printable } from "../base/printable.js";

const USER_CHARACTERS = 80;

export class LoginLog {
  readonly #log: Log;
  readonly #rate = new LogRate({ perSecond: 1 });

  constructor(log: Log) {
    this.#log = log;
  }

  write({ result, source, user, realm }: Login): void {
    if (!this.#rate.allows(networkOf(source))) return;
    // What the client cannot choose comes first, so that nothing it chose can pass for it.
    this.#log.warn({ source, reason: result, realm, user: printable(Buffer.from(user, "latin1"), USER_CHARACTERS) }, "a login failed");
  }
}
