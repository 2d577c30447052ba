/** Every conformance document over UDP and TCP on each side. */
import { playAll } from "./stage.js";

playAll({ name: "UDP to UDP", client: "udp", core: "udp" });
playAll({ name: "TCP to TCP", client: "tcp", core: "tcp" });
playAll({ name: "TCP to UDP", client: "tcp", core: "udp" });
playAll({ name: "UDP to TCP", client: "udp", core: "tcp" });
