/** A DNS server with a few records: enough of RFC 1035 for the queries of RFC 3263. */
import { type Socket, createSocket } from "node:dgram";
import { once } from "node:events";

const TYPES = { A: 1, AAAA: 28, SRV: 33, NAPTR: 35 } as const;

export type DnsRecord =
  | { readonly type: "A"; readonly name: string; readonly address: string }
  | { readonly type: "AAAA"; readonly name: string; readonly address: string }
  | { readonly type: "SRV"; readonly name: string; readonly priority: number; readonly weight: number; readonly port: number; readonly target: string }
  | { readonly type: "NAPTR"; readonly name: string; readonly order: number; readonly service: string; readonly replacement: string };

export class DnsServer {
  /** Its records; may change while it runs. */
  records: readonly DnsRecord[];
  /** Seconds. */
  ttl = 60;
  /** True: it fails every query (SERVFAIL). */
  isFailing = false;
  /** "TYPE name" of each query. */
  readonly asked: string[] = [];
  readonly #socket: Socket = createSocket("udp4");

  private constructor(records: readonly DnsRecord[]) {
    this.records = records;
  }

  static async start(records: readonly DnsRecord[]): Promise<DnsServer> {
    const server = new DnsServer(records);
    server.#socket.on("message", (query, from) => server.#socket.send(server.#answer(query), from.port, from.address));
    server.#socket.bind(0, "127.0.0.1");
    await once(server.#socket, "listening");
    return server;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  close(): void {
    this.#socket.close();
  }

  #answer(query: Buffer): Buffer {
    const { name, end } = readName(query, 12);
    const type = query.readUInt16BE(end);
    const question = query.subarray(12, end + 4);
    this.asked.push(`${Object.entries(TYPES).find(([, number]) => number === type)?.[0] ?? type} ${name}`);
    const ofName = this.records.filter((record) => record.name.toLowerCase() === name.toLowerCase());
    const found = this.isFailing ? [] : ofName.filter((record) => TYPES[record.type] === type);
    const code = this.isFailing ? 2 : ofName.length === 0 ? 3 : 0;
    const head = Buffer.alloc(12);
    head.writeUInt16BE(query.readUInt16BE(0), 0);
    head.writeUInt16BE(0x8400 | code, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(found.length, 6);
    return Buffer.concat([head, question, ...found.map((record) => this.#record(record))]);
  }

  #record(record: DnsRecord): Buffer {
    const data = dataOf(record);
    const head = Buffer.alloc(12);
    // A pointer to the name in the question.
    head.writeUInt16BE(0xc00c, 0);
    head.writeUInt16BE(TYPES[record.type], 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt32BE(this.ttl, 6);
    head.writeUInt16BE(data.length, 10);
    return Buffer.concat([head, data]);
  }
}

function dataOf(record: DnsRecord): Buffer {
  switch (record.type) {
    case "A":
      return Buffer.from(record.address.split(".").map(Number));
    case "AAAA": {
      const [left = "", right = ""] = record.address.split("::");
      const groups = (text: string): number[] => (text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16)));
      const all = [...groups(left), ...Array<number>(8 - groups(left).length - groups(right).length).fill(0), ...groups(right)];
      return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
    }
    case "SRV":
      return Buffer.concat([numbers(record.priority, record.weight, record.port), writeName(record.target)]);
    case "NAPTR":
      return Buffer.concat([numbers(record.order, 10), word("s"), word(record.service), word(""), writeName(record.replacement)]);
  }
}

function numbers(...values: readonly number[]): Buffer {
  const octets = Buffer.alloc(values.length * 2);
  for (const [at, value] of values.entries()) octets.writeUInt16BE(value, at * 2);
  return octets;
}

function word(text: string): Buffer {
  return Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);
}

function writeName(name: string): Buffer {
  return Buffer.concat([...name.split(".").filter((label) => label !== "").map(word), Buffer.from([0])]);
}

function readName(query: Buffer, start: number): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = start;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join("."), end: at + 1 };
}
