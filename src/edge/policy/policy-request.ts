/** A request as the operator's own policy sees it: decoded on demand, with what the edge knows about its flow. */
import { FlowFlag, RecordField } from "../../native/layout.js";
import type { Transport } from "../../config/listener.js";
import type { AddressPort } from "../../native/address-port.js";
import { SipMessage } from "../../sip/message.js";

export interface PolicySource extends AddressPort {
  /** Index of the listener, those of SLUICE_LISTEN first. */
  readonly listener: number;
  readonly transport: Transport;
}

export class PolicyRequest extends SipMessage {
  readonly source: PolicySource;
  /** The source is trusted, as the registrar is. */
  readonly fromCore: boolean;
  /** A REGISTER with outbound went through on this flow. */
  readonly isOutboundFlow: boolean;
  readonly inDialog: boolean;
  readonly viaCount: number;
  /** The upstream targets as `sip:ADDRESS:PORT;transport=T`, dead ones too. */
  readonly upstreams: readonly string[];

  constructor(octets: Uint8Array, source: PolicySource, upstreams: readonly string[], records: Int32Array, row: number) {
    super(octets);
    this.source = source;
    this.upstreams = upstreams;
    this.fromCore = records[row + RecordField.fromCore] !== 0;
    this.isOutboundFlow = (records[row + RecordField.flowFlags]! & FlowFlag.outbound) !== 0;
    this.inDialog = records[row + RecordField.hasToTag] !== 0;
    this.viaCount = records[row + RecordField.viaCount]!;
  }
}
