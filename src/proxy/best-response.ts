/** Which final response goes upstream when every branch has ended (RFC 3261 16.7 step 6). */
import type { SipMessage } from "../sip/message.js";

/** Among 4xx these tell the caller what would help (RFC 3261 16.7 step 6). */
const HELPFUL = [401, 407, 415, 420, 484];
/** Hop by hop matters of an edge and its registrar; no caller ever sees them (RFC 5626 11.5). */
const FLOW_FAILED = 430;

export function bestResponse(responses: readonly SipMessage[]): SipMessage | undefined {
  return [...responses].sort((one, other) => rank(one.status) - rank(other.status))[0];
}

/** 6xx first, then the lowest class; the least informative last. */
function rank(status: number): number {
  const kind = Math.floor(status / 100);
  if (kind === 6) return 0;
  const helpful = HELPFUL.indexOf(status);
  if (helpful >= 0) return 40 + helpful;
  // A failed flow and a phone that did not answer say less than any answer.
  if (status === FLOW_FAILED) return 48;
  return kind * 10 + (status === 408 || status === 487 ? 7 : status === 503 ? 9 : 5);
}

/** 430 becomes 480 and a lone 503 becomes 500: neither is true of the server that passes it on (RFC 5626 11.5, RFC 3261 16.7 step 6). */
export function statusForCaller(status: number): number {
  if (status === FLOW_FAILED) return 480;
  return status === 503 ? 500 : status;
}

/** The challenges of all 401 and 407: the chosen response has only one of those that the caller must answer (RFC 3261 16.7 step 7). */
export function challengesOf(responses: readonly SipMessage[], chosen: SipMessage): readonly string[] {
  if (chosen.status !== 401 && chosen.status !== 407) return [];
  const challenging = responses.filter((response) => response !== chosen && (response.status === 401 || response.status === 407));
  return challenging.flatMap((response) =>
    response.fields.filter(({ key }) => key === "www-authenticate" || key === "proxy-authenticate").map(({ raw }) => raw),
  );
}
