/* The test page with JsSIP; the tests drive `phone`. */
import JsSIP from "jssip";

window.startPhone = ({ uri, server, reregister }) => {
  const log = [];
  const socket = new JsSIP.WebSocketInterface(server);
  const agent = new JsSIP.UA({ sockets: [socket], uri, register: true, register_expires: 600, session_timers: false, connection_recovery_min_interval: 1, connection_recovery_max_interval: 2, ...reregister });
  let session;
  agent.on("connected", () => log.push("connected"));
  agent.on("disconnected", () => log.push("disconnected"));
  agent.on("registered", () => log.push("registered"));
  agent.on("registrationFailed", ({ cause }) => log.push(`registration failed: ${cause}`));
  const follow = (one) => {
    session = one;
    one.on("confirmed", () => log.push("established"));
    one.on("ended", ({ originator }) => log.push(`ended by ${originator}`));
    one.on("failed", ({ cause }) => log.push(`failed: ${cause}`));
  };
  agent.on("newRTCSession", ({ originator, session: one }) => {
    if (originator !== "remote") return;
    follow(one);
    one.answer({ mediaConstraints: { audio: true, video: false }, pcConfig: { iceServers: [] } });
  });
  agent.start();
  window.phone = {
    log,
    call: (target) => follow(agent.call(target, { mediaConstraints: { audio: true, video: false }, pcConfig: { iceServers: [] } })),
    hangUp: () => session.terminate(),
    cut: () => socket._ws.close(),
    stop: () => agent.stop(),
  };
};
