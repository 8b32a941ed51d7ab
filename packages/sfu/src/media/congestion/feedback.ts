/** What the engine's send history and one transport-wide feedback say together, in the form that the estimators take. */

/** Packets of one probe that this feedback reports for the first time. */
export interface ProbeReport {
  readonly clusterId: number;
  readonly bytes: number;
  readonly packets: number;
  readonly firstSend: number;
  readonly lastSend: number;
  readonly firstArrival: number;
  readonly lastArrival: number;
}

/** Times are microseconds: of sending by our clock, of arrival by the receiver's, which share no zero. */
export interface TransportFeedback {
  /** Of packets that this feedback reports received for the first time. */
  readonly ackedBytes: number;
  /** Newly lost; a packet that comes after all is subtracted by the next feedback, so it may be negative. */
  readonly lostPackets: number;
  readonly receivedPackets: number;
  readonly lastSendMicros: number;
  readonly lastArrivalMicros: number;
  readonly oldestSendMicros: number;
  /** Sent and not yet reported, as of this feedback. */
  readonly inFlightBytes: number;
  /** Three numbers for each group of packets sent within 5 ms: since the group before, sent and arrived; and its bytes. */
  readonly groups: Float64Array;
  readonly probes: readonly ProbeReport[];
}
