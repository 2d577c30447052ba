/** What baresip reads at startup: a configuration without devices, and an account that uses outbound. */
import type { Transport } from "../../support/wire.js";

export interface Account {
  readonly user: string;
  /** host:port of the edge, or of one edge per transport */
  readonly edge: string | readonly string[];
  /** One flow per transport, with reg-ids from 1. */
  readonly transports: readonly Transport[];
  /** Lets calls ring instead of answering them at once. */
  readonly ringing?: boolean;
  /** Speaks to browsers: ICE, DTLS-SRTP and RTCP on the port of RTP. */
  readonly webrtc?: boolean;
  /** Seconds for which it registers; it registers again some seconds before they are over. */
  readonly interval?: number;
  /** PEM of the authority that must have issued the edge's certificate, for TLS. */
  readonly authority?: string;
}

/** The aubridge module is microphone and loudspeaker in one: a call hears what it says. */
export function configurationFile({ user, authority, webrtc = false }: Account, controlPort: number): string {
  const trust = authority === undefined ? "" : `sip_cafile ${authority}\nsip_verify_server yes`;
  return `
sip_listen 127.0.0.1:0
net_interface 127.0.0.1
${trust}
audio_source aubridge,${user}
audio_player aubridge,${user}
audio_alert aubridge,${user}-alert
audio_path /nonexistent
rtcp_mux ${webrtc ? "yes" : "no"}
ctrl_tcp_listen 127.0.0.1:${controlPort}
module_path /usr/lib/baresip/modules
module g711.so
module aubridge.so
${webrtc ? "module ice.so\nmodule dtls_srtp.so\nmodule srtp.so" : ""}
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
`;
}

/** The edge for each transport. */
export function edgesOf({ edge, transports }: Account): readonly string[] {
  return transports.map((_, at) => (typeof edge === "string" ? edge : (edge[at] ?? "")));
}

export function accountFile(account: Account): string {
  const { user, transports, ringing = false, webrtc = false, interval = 60 } = account;
  const edges = edgesOf(account);
  const proxies = transports.map((transport, at) => `outbound${at === 0 ? "" : at + 1}="sip:${edges[at]};transport=${transport}"`);
  return `<sip:${user}@example.com>;${proxies.join(";")};sipnat=outbound;regint=${interval};answermode=${ringing ? "manual" : "auto"};audio_codecs=pcmu${webrtc ? ";mediaenc=dtls_srtp;medianat=ice" : ""}\n`;
}
