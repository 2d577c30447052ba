/** What the last status said of the server. */
export const server = { mode: "", node: 0, neighbours: 0 };

/** An edge has none: they are with its registrar. */
export function hasBindings() {
  return server.mode === "registrar" || server.mode === "standalone";
}

/** What the server is called in a ladder. */
export function ownName() {
  return server.mode === "standalone" ? "server" : server.mode || "edge";
}

/** Who is on the other side of it. */
export function coreName() {
  return { edge: "registrar", registrar: "edge" }[server.mode] ?? "upstream";
}
