/** For a home server: only what its drain turns away is asked about, so a request with X-Faulty gets through before. */

export function isUrgent(request) {
  if (request.header("X-Faulty") !== undefined) throw new Error("a fault in the policy");
  return request.header("X-Alarm") !== undefined;
}
