/** What the admin plane needs of an HTTP server. */
export interface WebRequest {
  /** Upper case. */
  readonly method: string;
  readonly path: string;
  /** The part after the question mark. */
  readonly query: string;
  /** "" when it is absent; `name` in lower case. */
  readonly header: (name: string) => string;
}

export interface WebAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string | Buffer;
}

/** The other end of a WebSocket. */
export interface WebClient {
  send(text: string): void;
  /** Octets that the peer has not read yet. */
  waiting(): number;
  end(code: number, reason: string): void;
}

export interface WebHandlers {
  /** The request may be read only before the first wait. A body longer than `mostBody` comes as undefined. Never rejects. */
  readonly answer: (request: WebRequest, body: string | undefined) => Promise<WebAnswer>;
  /** For a WebSocket on /live: an answer that refuses it; undefined: it is accepted. */
  readonly refuse: (request: WebRequest) => WebAnswer | undefined;
  readonly opened: (client: WebClient) => void;
  readonly closed: (client: WebClient) => void;
  /** Octets. */
  readonly mostBody: number;
}

export interface WebServer {
  /** On a socket that listens already, which it then owns. Returns its port; undefined: the socket cannot be used. */
  listen(socket: number): Promise<number | undefined>;
  /** Loads what only some requests need. */
  warmUp(): void;
  /** No new connections. */
  stopListening(): void;
  /** Nor any of those that are open. */
  close(): void;
}

/** Concurrent connections, limited so that the admin plane never takes the descriptors that phones need. */
export const MAX_CONNECTIONS = 128;
/** Time in which a request must be complete. */
export const REQUEST_MS = 10_000;
export const LIVE_PATH = "/live";
