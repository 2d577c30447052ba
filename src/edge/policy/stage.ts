/** Runs the operator's hooks around the built-in policy, request by request; the built-in policy alone decides a whole batch at once. */
import { stackOf } from "../../base/message-of.js";
import { showHostPort } from "../../config/host-port.js";
import type { AddressPort, UpstreamTarget } from "../../native/address-port.js";
import type { Shard, UpgradeHook } from "../../native/binding.js";
import type { ShardConfig } from "../../native/shard-settings.js";
import { Action, Const, ContactFlag, Edit, Method, OptionFlag, RecordField, ScanError, VerdictField } from "../../native/layout.js";
import type { OutboundMode } from "../outbound.js";
import { decideRequest, type EdgeRules } from "../decide-request.js";
import { decideResponse } from "../decide-response.js";
import { failRow, reply } from "../verdicts.js";
import { type Policy, type PolicyReply, loadPolicy, saidAtOnce } from "./hooks.js";
import { PolicyRequest } from "./policy-request.js";
import { UpgradeRequest } from "./upgrade-request.js";

const TOKEN = /^[\w!%'*+.`~-]+$/;
// Characters that would end the line or hide in it.
const CONTROL = /[\0-\x08\x0a-\x1f\x7f]/;

function headerLines(hook: string, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries(headers).map(([name, value]) => {
    if (!TOKEN.test(name) || CONTROL.test(value)) throw new Error(`the hook ${hook} returned a bad header field ${JSON.stringify(name)}`);
    return `${name}: ${value}\r\n`;
  });
  return lines.join("");
}

export async function loadPolicyStage(url: string, shard: Shard, config: ShardConfig, onFault: (message: string) => void): Promise<PolicyStage> {
  return new PolicyStage(await loadPolicy(url), shard, config, onFault);
}

class PolicyStage {
  readonly #policy: Policy;
  readonly #shard: Shard;
  readonly #config: ShardConfig;
  readonly #onFault: (message: string) => void;
  #upstreams: readonly string[] = [];

  constructor(policy: Policy, shard: Shard, config: ShardConfig, onFault: (message: string) => void) {
    this.#policy = policy;
    this.#shard = shard;
    this.#config = config;
    this.#onFault = onFault;
  }

  get hasUpgradeHook(): boolean {
    return this.#policy.upgrade !== undefined;
  }

  /** A hook that throws refuses the handshake it was asked about and no other. */
  upgrade(head: string, source: AddressPort & { readonly listener: number }): ReturnType<UpgradeHook> {
    try {
      const { transport } = this.#config.listeners[source.listener]!;
      const said = saidAtOnce("upgrade", this.#policy.upgrade?.(new UpgradeRequest(head, { ...source, transport })));
      if (said === undefined || said === true) return undefined;
      const { status, headers = {} } = said === false ? { status: 403 } : said;
      if (!Number.isInteger(status) || (status !== 101 && (status < 200 || status > 599))) throw new Error(`the hook upgrade returned an invalid status, ${status}`);
      return { status, headers: headerLines("upgrade", headers) };
    } catch (error) {
      this.#onFault(stackOf(error));
      return { status: 500, headers: "" };
    }
  }

  setUpstreams(targets: readonly UpstreamTarget[]): void {
    this.#upstreams = targets.map(({ address, port, transport }) => `sip:${showHostPort(address, port)};transport=${transport}`);
  }

  decide(records: Int32Array, verdicts: Int32Array, count: number, rules: EdgeRules): void {
    for (let item = 0; item < count; item += 1) {
      const row = item * Const.recordFields;
      const out = item * Const.verdictFields;
      // A hook that throws costs its own request a 500 and no other.
      try {
        if (records[row + RecordField.isResponse] !== 0) decideResponse(records, row, verdicts, out, rules);
        else if (records[row + RecordField.error] !== ScanError.none) decideRequest(records, row, verdicts, out, rules);
        else this.#apply(item, records, row, verdicts, out, rules);
      } catch (error) {
        this.#onFault(stackOf(error));
        failRow(records, row, verdicts, out);
      }
    }
  }

  #apply(item: number, records: Int32Array, row: number, verdicts: Int32Array, out: number, rules: EdgeRules): void {
    const { allow, isUrgent, reply: answer, route } = this.#policy;
    const source = this.#shard.source(item);
    const { transport } = this.#config.listeners[source.listener]!;
    const request = new PolicyRequest(this.#shard.message(item), { ...source, transport }, this.#upstreams, records, row);
    const isAck = records[row + RecordField.method] === Method.ack;
    if (saidAtOnce("allow", allow?.(request)) === false) return isAck ? undefined : reply(verdicts, out, 403);
    const own = isAck ? undefined : saidAtOnce("reply", answer?.(request));
    if (own !== undefined) return this.#answer(item, own, verdicts, out);
    const outbound = this.#outbound(request, records, row, rules.outbound);
    decideRequest(records, row, verdicts, out, { ...rules, outbound });
    const isTurnedAway = rules.draining && !rules.isReplaced && verdicts[out + VerdictField.status] === 503;
    const goesUp = verdicts[out + VerdictField.action] === Action.relayUpstream;
    const urgent = (goesUp || isTurnedAway) && saidAtOnce("isUrgent", isUrgent?.(request)) === true;
    if (urgent && isTurnedAway) decideRequest(records, row, verdicts, out, { ...rules, outbound, draining: false });
    if (verdicts[out + VerdictField.action] !== Action.relayUpstream) return;
    const target = saidAtOnce("route", route?.(request));
    if (target !== undefined) verdicts[out + VerdictField.target] = this.#targetOf(target);
    if (urgent) verdicts[out + VerdictField.edits]! |= Edit.urgent;
  }

  /** The mode for this one request; its record then contains the hook's decision. */
  #outbound(request: PolicyRequest, records: Int32Array, row: number, mode: OutboundMode): OutboundMode {
    if (saidAtOnce("forceOutbound", this.#policy.forceOutbound?.(request)) === true) return "force";
    const asked = saidAtOnce("isOutboundRequested", this.#policy.isOutboundRequested?.(request));
    if (asked === undefined) return mode;
    if (!asked) return "off";
    records[row + RecordField.contact]! |= ContactFlag.ob;
    records[row + RecordField.options]! |= OptionFlag.supportedOutbound;
    return mode === "off" ? "auto" : mode;
  }

  #answer(item: number, { status, reason = "", headers = {} }: PolicyReply, verdicts: Int32Array, out: number): void {
    if (!Number.isInteger(status) || status < 200 || status > 699) throw new Error(`the hook reply returned an invalid status, ${status}`);
    const lines = headerLines("reply", headers);
    if (CONTROL.test(reason)) throw new Error("the hook reply returned a bad reason phrase");
    reply(verdicts, out, status);
    this.#shard.customReply(item, status, reason, lines);
  }

  #targetOf(text: string): number {
    const index = this.#upstreams.indexOf(text.includes(";transport=") ? text : `${text};transport=udp`);
    if (index < 0) throw new Error(`the hook route returned ${JSON.stringify(text)}, which is not one of ${this.#upstreams.join(", ")}`);
    return index;
  }
}
