/** The lists that answer "who?": what each asks the API for, its columns, and the command that shows the same. */
import { historyColumns } from "/history-words.js";
import { liftBan } from "/orders.js";
import { href, route } from "/route.js";
import { classOf } from "/survey.js";
import { ago, contactOf, countdown, place, span } from "/words.js";

/** The list stays in the URL, so that Escape leads back to it. */
const toPhone = (word) => (word === "" ? "" : href({ ...route(), phone: word }));
const aorOf = ({ aors }) => aors[0]?.aor ?? "";
const aorColumn = { title: "AOR", sort: "aor", first: "least", of: ({ aor }) => aor, href: ({ aor }) => toPhone(aor) };
const sourceColumn = { title: "source", sort: "source", first: "least", of: ({ source }) => source, href: ({ source }) => toPhone(source) };
/** The phone of a flow: whoever registered over it, or the flow itself. */
const phoneColumn = { title: "phone", of: (flow) => aorOf(flow) || place(flow), href: (flow) => toPhone(aorOf(flow) || flow.id) };
const clientColumn = { title: "client", of: place };
const most = (title, sort, of) => ({ title, sort, first: "most", of });
const least = (title, sort, of) => ({ title, sort, first: "least", of });
const plain = (title, of) => ({ title, of });

const flowColumns = (sorts) => [
  { ...phoneColumn, ...(sorts && { sort: "aor", first: "least" }) },
  sorts ? most("silent", "idleMs", ({ idleMs }) => span(idleMs)) : plain("silent", ({ idleMs }) => span(idleMs)),
  sorts ? most("age", "ageMs", ({ ageMs }) => (ageMs < 0 ? "" : span(ageMs))) : plain("age", ({ ageMs }) => (ageMs < 0 ? "" : span(ageMs))),
  sorts ? most("messages", "messages", ({ messages }) => messages) : plain("messages", ({ messages }) => messages),
  clientColumn,
];

/**
 * `sort`: what it is sorted by if the URL does not say; `home`: not on an edge; `orders`: what can be done. The columns that have `sort`
 * are sorted by the server; `first` says which end comes first.
 */
export const LISTS = [
  { path: "flows", title: "Flows", about: ({ silence, age }) => (silence ? `Silent for ${classOf(silence)}` : age ? `Connections of an age ${classOf(age)}` : "Every flow: connections, and UDP addresses that registered"),
    command: ({ q, silence, age }) => ["flows", q, ...(silence ? ["--silence", silence] : []), ...(age ? ["--age", age] : [])],
    keyOf: ({ id }) => id, columns: flowColumns(false) },
  { path: "silent", title: "Silent", about: () => "Who has not been heard for the longest; the thousand most silent of each shard", sort: "idleMs",
    command: ({ q, sort }) => ["silent", q, ...by(sort)], keyOf: ({ id }) => id, columns: flowColumns(true) },
  { path: "top-talkers", title: "Top talkers", about: () => "Who sends the most: counted for two seconds", sort: "messages", command: ({ q, sort }) => ["top-talkers", q, ...by(sort)], keyOf: ({ source }) => source,
    columns: [sourceColumn, most("messages/s", "messages", ({ messagesPerSecond }) => messagesPerSecond), most("flows", "flows", ({ flows }) => flows), aorColumn] },
  { path: "flappers", title: "Flappers", about: () => "Whose flows ended again and again within an hour", sort: "ends", command: ({ q, sort }) => ["flappers", q, ...by(sort)], keyOf: ({ who }) => who,
    columns: [
      { title: "who", sort: "who", first: "least", of: ({ who }) => who, href: ({ who }) => toPhone(who) }, most("ended", "ends", ({ ends }) => ends), least("last", "lastMs", ({ lastMs }) => ago(lastMs)),
      least("shortest", "shortestMs", ({ shortestMs }) => span(shortestMs)), least("mostly", "reason", ({ reason }) => reason), sourceColumn,
    ] },
  { path: "refused", title: "Refused", about: () => "Who gets 4xx, 5xx and 6xx, challenges included; the AOR is what the last request said, which nobody has proved", sort: "count",
    command: ({ q, sort }) => ["refused", q, ...by(sort)], keyOf: ({ source, status }) => `${source} ${status}`,
    columns: [sourceColumn, most("status", "status", ({ status }) => status), most("count", "count", ({ count }) => count), plain("first", ({ firstMs }) => ago(firstMs)), least("last", "lastMs", ({ lastMs }) => ago(lastMs)), { ...aorColumn, title: "said to be" }] },
  { path: "bindings", title: "Bindings", about: () => "Where calls go", home: true, command: ({ q, sort }) => ["bindings", q, ...(sort ? ["--sort", "expires"] : [])], keyOf: ({ aor, contact, instance, regId }) => `${aor} ${contact} ${instance} ${regId}`,
    columns: [
      { ...aorColumn, sort: undefined }, { ...least("expires in", "expires", ({ expiresInSeconds }) => countdown(expiresInSeconds)), oneWay: true }, plain("contact", contactOf),
      plain("User-Agent", ({ userAgent }) => userAgent), plain("instance", ({ instance }) => instance),
    ] },
  { path: "ended", title: "Ended", about: () => "Flows that ended in the last hour and before, and why; of each shard the last 32,768 of phones, 4,096 of strangers and 256 that a drain moved", sort: "endedMs", command: ({ q, sort }) => ["flows", "--ended", q, ...by(sort)], keyOf: ({ shard, address, port, lastedMs, messages, endedAt }) => `${shard} ${address} ${port} ${lastedMs} ${messages} ${endedAt}`,
    columns: [
      { title: "phone", sort: "aor", first: "least", of: ({ aor, address }) => aor || address, href: ({ aor, address }) => toPhone(aor || address) }, least("ended", "endedMs", ({ endedMs }) => ago(endedMs)),
      least("lasted", "lastedMs", ({ lastedMs }) => span(lastedMs)), most("messages", "messages", ({ messages }) => messages), least("reason", "reason", ({ reason }) => reason), clientColumn,
    ] },
  { path: "history", title: "History", about: () => "What happened, the newest first: registrations that began and ended, failed calls and logins, bans, starts", command: ({ q }) => ["history", q], keyOf: ({ id }) => id, columns: historyColumns },
  { path: "bans", title: "Bans", about: () => "Addresses that may not send anything", command: () => ["ban"], keyOf: ({ address }) => address,
    columns: [{ title: "address", of: ({ address }) => address, href: ({ address }) => toPhone(address) }, plain("ends in", ({ secondsLeft }) => countdown(secondsLeft)), { title: "Orders", orders: [{ text: "Lift", run: ({ address }) => liftBan(address) }] }] },
];

function by(sort) {
  return sort === "" ? [] : [`--sort=${sort}`];
}
