// A hook that returns a promise, which could be mistaken for true.
export function allow(request) {
  if (request.uri.includes("refused")) return Promise.resolve(false);
  return request.uri.includes("rejected") ? Promise.reject(new Error("the lookup failed")) : undefined;
}
