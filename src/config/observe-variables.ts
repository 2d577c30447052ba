/** The part of the table that is about watching the server: admin plane, captures, history and webhooks. */
import { adminListen } from "./admin-listen.js";
import { commaList } from "./comma-list.js";
import { integer } from "./integer.js";
import { password } from "./password.js";
import { file } from "./path.js";
import { udpTarget } from "./udp-target.js";
import { optional, secret, withDefault } from "./variable.js";
import { webhook } from "./webhook.js";

export const observeVariables = {
  adminListen: withDefault(
    "SLUICE_ADMIN_LISTEN",
    adminListen,
    "127.0.0.1:5080",
    "Where the dashboard, `/metrics`, health checks and the JSON API are served. An address that others can reach needs `SLUICE_ADMIN_TOKEN`.",
  ),
  adminToken: optional(
    "SLUICE_ADMIN_TOKEN",
    password,
    "not required on loopback",
    "The value of `Authorization: Bearer …` required for everything except `/livez` and `/readyz`. `openssl rand -hex 24` makes one.",
    true,
  ),
  hep: optional("SLUICE_HEP", udpTarget, "nothing is sent", "A Homer (HEP3) server that gets a copy of each message, with credentials masked."),
  hepId: withDefault("SLUICE_HEP_ID", integer(0, 4_294_967_295), "2001", "Capture agent id in HEP3 packets."),
  pcap: optional(
    "SLUICE_PCAP",
    file,
    "nothing is written",
    "A file that gets a copy of each message in the format of Wireshark and sngrep, with credentials masked. When full it becomes `FILE.1`.",
  ),
  pcapMegabytes: withDefault("SLUICE_PCAP_MEGABYTES", integer(1, 100_000), "100", "Size of one capture file; two are kept."),
  captureSample: withDefault("SLUICE_CAPTURE_SAMPLE", integer(1, 1_000_000), "1", "Capture one in this many dialogs, chosen by Call-ID."),
  historyMegabytes: withDefault(
    "SLUICE_HISTORY_MEGABYTES",
    integer(0, 1_000_000),
    "256",
    "How much of `SLUICE_STATE_DIR` the history may take: who registered, moved, expired or lost a flow, failed calls, failed logins, bans, starts. When it is full, the " +
      "oldest goes. `0` = no history, and no webhooks.",
  ),
  webhooks: secret(
    "SLUICE_WEBHOOKS",
    commaList(webhook, { most: 8, sameness: ({ url }) => url }),
    "",
    "URLs that get a POST for each change of a registration, dead flow, failed login, ban, and upstream that goes or comes back, as CloudEvents (JSON). A receiver that " +
      "is away gets them later.",
    "none",
  ),
  webhookSecret: optional(
    "SLUICE_WEBHOOK_SECRET",
    password,
    "none; `SLUICE_WEBHOOKS` needs it",
    "Signs every POST of `SLUICE_WEBHOOKS` with HMAC-SHA-256 in the header `webhook-signature`. `openssl rand -hex 24` makes one.",
    true,
  ),
} as const;
