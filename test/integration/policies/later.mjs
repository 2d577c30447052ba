// What fails when the hook has long returned.
export function reply(request) {
  if (request.uri.includes("timer")) setTimeout(() => { throw new Error("a hook's own timer failed"); }, 5);
  if (request.uri.includes("floating")) void Promise.reject(new Error("a hook's own promise failed"));
  return undefined;
}
