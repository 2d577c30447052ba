/** The response to a refused REGISTER, thrown by whichever step found the reason. */
import type { ResponseSpec } from "../sip/response-spec.js";

export class RegisterRefusal extends Error {
  override readonly name = "RegisterRefusal";
  readonly response: ResponseSpec;

  constructor(status: number, reason: string, headers: ResponseSpec["headers"] = []) {
    super(`${status} ${reason}`);
    this.response = { status, reason, headers };
  }
}

export function refuse(status: number, reason: string, headers: ResponseSpec["headers"] = []): never {
  throw new RegisterRefusal(status, reason, headers);
}
