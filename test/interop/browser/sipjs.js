/* The test page with SIP.js; the tests drive `phone`. */
import { Inviter, Registerer, SessionState, UserAgent } from "sip.js";

window.startPhone = async ({ uri, server, plain }) => {
  const log = [];
  const media = { sessionDescriptionHandlerOptions: { constraints: { audio: true, video: false } } };
  let session;
  const follow = (one) => {
    session = one;
    one.stateChange.addListener((state) => {
      if (state === SessionState.Established) log.push("established");
      if (state === SessionState.Terminated) log.push("ended");
    });
  };
  const agent = new UserAgent({
    uri: UserAgent.makeURI(uri),
    transportOptions: { server },
    // Plain: a Registerer without settings, with neither reg-id nor option tags.
    ...(plain ? {} : { sipExtensionExtraSupported: ["path"], instanceIdAlwaysAdded: true }),
    logLevel: "error",
    reconnectionAttempts: 20,
    reconnectionDelay: 1,
    sessionDescriptionHandlerFactoryOptions: { iceGatheringTimeout: 500, peerConnectionConfiguration: { iceServers: [] } },
    delegate: {
      onInvite: (invitation) => {
        follow(invitation);
        void invitation.accept(media);
      },
    },
  });
  const registerer = new Registerer(agent, plain ? {} : { regId: 1, expires: 600 });
  agent.transport.onConnect = () => {
    log.push("connected");
    // Staying "registered" is not an event, so count each acceptance.
    void registerer.register({ requestDelegate: { onAccept: () => log.push("registered") } });
  };
  agent.transport.onDisconnect = () => {
    log.push("disconnected");
    void agent.reconnect().catch(() => undefined);
  };
  await agent.start();
  window.phone = {
    log,
    call: async (target) => {
      const inviter = new Inviter(agent, UserAgent.makeURI(target), media);
      follow(inviter);
      await inviter.invite();
    },
    hangUp: () => session.bye(),
    cut: () => agent.transport.ws.close(),
    stop: () => agent.stop(),
  };
};
