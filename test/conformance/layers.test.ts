/** Every conformance document with clients over TLS, WebSocket and Secure WebSocket. */
import { playAll } from "./stage.js";

playAll({ name: "WS to UDP", client: "ws", core: "udp" });
playAll({ name: "TLS to TCP", client: "tls", core: "tcp" });
playAll({ name: "WSS to TCP", client: "wss", core: "tcp" });
