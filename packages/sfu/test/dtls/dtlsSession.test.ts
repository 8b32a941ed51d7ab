import { describe, expect, test } from 'vitest';
import { DTLS_LIMITS, DtlsSession, judgeFingerprints } from '../../src/media/dtls/index.js';
import type { DtlsFingerprint, DtlsPort, FingerprintAlgorithm } from '../../src/media/dtls/index.js';

const SHA_256 = 'AA:BB:CC';
const announced: DtlsFingerprint[] = [{ algorithm: 'sha-256', value: SHA_256 }];
const HELLO = Uint8Array.of(22, 1);
const DATA = Uint8Array.of(23, 7);
const seconds = (value: number): number => value * 1_000_000;

/** Does nothing by itself: a test says what the handshake came to. */
class FakeDtls implements DtlsPort {
  state: DtlsPort['state'] = 'connecting';
  failure: string | undefined;
  srtpProfile: string | undefined = 'AEAD_AES_128_GCM';
  fingerprints: Partial<Record<FingerprintAlgorithm, string>> = { 'sha-256': SHA_256 };
  timeout: number | undefined;
  timeouts = 0;
  inputs: Uint8Array[] = [];
  output: Uint8Array[] = [];
  data: Uint8Array[] = [];
  sent: Uint8Array[] = [];
  closed = false;
  freed = false;
  onInput: ((bytes: Uint8Array) => void) | undefined;
  input(bytes: Uint8Array): void {
    this.inputs.push(bytes.slice());
    this.onInput?.(bytes);
  }
  handleTimeout(): void {
    this.timeouts++;
    this.output.push(Uint8Array.of(22, 99));
  }
  timeoutMs(): number | undefined {
    return this.timeout;
  }
  takeOutput(): Uint8Array[] {
    return this.output.splice(0);
  }
  takeApplicationData(): Uint8Array[] {
    return this.data.splice(0);
  }
  send(data: Uint8Array): boolean {
    this.sent.push(data);
    this.output.push(Uint8Array.of(23, ...data));
    return true;
  }
  remoteFingerprint(algorithm: FingerprintAlgorithm): string | undefined {
    return this.fingerprints[algorithm];
  }
  close(): void {
    this.closed = true;
    if (this.state === 'connected') this.output.push(Uint8Array.of(21, 0));
    this.state = 'closed';
  }
  free(): void {
    this.freed = true;
  }
}

function newSession(role: 'server' | 'client' = 'server', requireSrtp = true) {
  const dtls = new FakeDtls();
  return { dtls, session: new DtlsSession({ dtls, role, requireSrtp, nowMicros: 0 }) };
}
function connected(role: 'server' | 'client' = 'server') {
  const { dtls, session } = newSession(role);
  session.setRemoteFingerprints(announced, 0);
  dtls.onInput = () => (dtls.state = 'connected');
  session.handleDatagram(HELLO, 0);
  dtls.onInput = undefined;
  return { dtls, session };
}

describe('a handshake', () => {
  test('makes keys available once the announced certificate is proven', () => {
    const { dtls, session } = newSession();
    session.setRemoteFingerprints(announced, 0);
    expect(session.state).toBe('new');
    session.handleDatagram(HELLO, 0);
    expect(session.state).toBe('connecting');
    expect(session.srtpReady).toBe(false);
    dtls.onInput = () => (dtls.state = 'connected');
    session.handleDatagram(HELLO, 1);
    expect(session.state).toBe('connected');
    expect(session.srtpReady).toBe(true);
  });
  test('a client starts by itself, as soon as it knows whom to expect', () => {
    const { dtls, session } = newSession('client');
    dtls.output.push(HELLO);
    expect(session.takeOutput()).toEqual([]);
    session.setRemoteFingerprints(announced, 0);
    expect(session.takeOutput()).toEqual([HELLO]);
    expect(session.state).toBe('connecting');
  });
  test('datagrams that come before the fingerprints wait, and are not more than a few', () => {
    const { dtls, session } = newSession();
    for (let i = 0; i < 100; i++) session.handleDatagram(Uint8Array.of(22, i), i);
    expect(dtls.inputs).toEqual([]);
    session.setRemoteFingerprints(announced, 200);
    expect(dtls.inputs).toHaveLength(DTLS_LIMITS.heldDatagrams);
    expect(dtls.inputs[0]).toEqual(Uint8Array.of(22, 0));
    expect(session.stats().heldDropped).toBe(92);
  });
  test('the flight goes out again when the engine says it is time', () => {
    const { dtls, session } = newSession();
    session.setRemoteFingerprints(announced, 0);
    dtls.timeout = 1000;
    session.handleDatagram(HELLO, 0);
    expect(session.nextDeadline()).toBe(seconds(1));
    session.poll(seconds(1) - 1);
    expect(dtls.timeouts).toBe(0);
    session.poll(seconds(1));
    expect(session.takeOutput()).toEqual([Uint8Array.of(22, 99)]);
    expect(session.nextDeadline()).toBe(seconds(2));
  });
  test('a timer that says 0 for ever is not asked for ever in the same instant', () => {
    const { dtls, session } = newSession();
    session.setRemoteFingerprints(announced, 0);
    dtls.timeout = 0;
    session.handleDatagram(HELLO, 0);
    session.poll(session.nextDeadline()!);
    expect(session.nextDeadline()).toBe(2000);
  });
});

describe('H2 hostile DTLS, session part', () => {
  test.each(['server', 'client'] as const)(
    'H2.3 wrong fingerprint as %s: no keys, no data, failed',
    (role) => {
      const { dtls, session } = newSession(role);
      session.setRemoteFingerprints([{ algorithm: 'sha-256', value: 'DE:AD' }], 0);
      dtls.onInput = () => {
        dtls.state = 'connected';
        dtls.data.push(DATA);
      };
      session.handleDatagram(HELLO, 0);
      expect(session.state).toBe('failed');
      expect(session.end).toBe('fingerprint-mismatch');
      expect(session.srtpReady).toBe(false);
      expect(session.takeData()).toEqual([]);
      expect(dtls.freed).toBe(true);
      expect(session.takeOutput()).toEqual([Uint8Array.of(21, 0)]); // the peer is told
      expect(session.nextDeadline()).toBeUndefined();
    },
  );
  test('H2.3 application data before the certificate is judged is not handed on', () => {
    const { dtls, session } = newSession();
    session.setRemoteFingerprints(announced, 0);
    dtls.onInput = () => dtls.data.push(DATA);
    session.handleDatagram(HELLO, 0);
    expect(session.takeData()).toEqual([]);
  });
  test('H2.3 a peer without a certificate matches nothing', () => {
    const { dtls, session } = newSession();
    session.setRemoteFingerprints(announced, 0);
    dtls.fingerprints = {};
    dtls.onInput = () => (dtls.state = 'connected');
    session.handleDatagram(HELLO, 0);
    expect(session.end).toBe('fingerprint-mismatch');
  });
  test('H2.3 fingerprints can be said once only', () => {
    const { dtls, session } = newSession();
    session.setRemoteFingerprints(announced, 0);
    session.setRemoteFingerprints([{ algorithm: 'sha-256', value: 'DE:AD' }], 0);
    dtls.onInput = () => (dtls.state = 'connected');
    session.handleDatagram(HELLO, 0);
    expect(session.state).toBe('connected');
  });
  test('H2.6 H2.7 what the engine does not take as authentic changes nothing: plaintext alert, second hello, old Finished', () => {
    const { dtls, session } = connected();
    for (const type of [21, 22, 20, 23, 0, 255]) session.handleDatagram(Uint8Array.of(type, 254, 253), 1);
    expect(dtls.inputs).toHaveLength(7);
    expect(session.state).toBe('connected');
    expect(session.srtpReady).toBe(true);
  });
  test('H2.8 no use_srtp: refused when media is to flow, allowed for data only', () => {
    for (const requireSrtp of [true, false]) {
      const { dtls, session } = newSession('server', requireSrtp);
      dtls.srtpProfile = undefined;
      session.setRemoteFingerprints(announced, 0);
      dtls.onInput = () => (dtls.state = 'connected');
      session.handleDatagram(HELLO, 0);
      expect(session.state).toBe(requireSrtp ? 'failed' : 'connected');
      expect(session.end).toBe(requireSrtp ? 'no-srtp-profile' : undefined);
      expect(session.srtpReady).toBe(false);
    }
  });
  test('H2.10 a handshake stalled for ever ends after 30 s, not before', () => {
    const { dtls, session } = newSession();
    session.setRemoteFingerprints(announced, 0);
    dtls.timeout = 60_000;
    session.handleDatagram(HELLO, seconds(5));
    expect(session.nextDeadline()).toBe(seconds(35));
    for (let at = 5; at < 35; at++) session.handleDatagram(HELLO, seconds(at));
    session.poll(seconds(35) - 1);
    expect(session.state).toBe('connecting');
    session.poll(seconds(35));
    expect(session.state).toBe('failed');
    expect(session.end).toBe('handshake-timeout');
    expect(dtls.freed).toBe(true);
  });
  test('H2.10 a session that never hears anything waits without a timer', () => {
    const { session } = newSession();
    session.setRemoteFingerprints(announced, 0);
    session.poll(seconds(1000));
    expect(session.state).toBe('new');
    expect(session.nextDeadline()).toBeUndefined();
  });
  test('H2.2 empty datagrams are nothing', () => {
    const { dtls, session } = connected();
    session.handleDatagram(new Uint8Array(), 0);
    expect(dtls.inputs).toHaveLength(1);
  });
  test('a handshake that the engine gives up says why', () => {
    const { dtls, session } = newSession();
    session.setRemoteFingerprints(announced, 0);
    dtls.onInput = () => {
      dtls.state = 'failed';
      dtls.failure = 'no shared cipher';
    };
    session.handleDatagram(HELLO, 0);
    expect(session).toMatchObject({ state: 'failed', end: 'handshake-failed', failure: 'no shared cipher' });
  });
});

describe('a connected session', () => {
  test('carries data both ways', () => {
    const { dtls, session } = connected();
    dtls.onInput = () => dtls.data.push(DATA);
    session.handleDatagram(Uint8Array.of(23), 1);
    expect(session.takeData()).toEqual([DATA]);
    expect(session.takeData()).toEqual([]);
    expect(session.send(Uint8Array.of(1, 2), 2)).toBe(true);
    expect(session.takeOutput()).toEqual([Uint8Array.of(23, 1, 2)]);
    expect(session.send(new Uint8Array(DTLS_LIMITS.outboundRecordBytes + 1), 2)).toBe(false);
  });
  test('ends when the peer says goodbye; what it said before is still there', () => {
    const { dtls, session } = connected();
    dtls.onInput = () => {
      dtls.data.push(DATA);
      dtls.state = 'closed';
    };
    session.handleDatagram(Uint8Array.of(21), 1);
    expect(session).toMatchObject({ state: 'closed', end: 'peer-closed', srtpReady: false });
    expect(session.takeData()).toEqual([DATA]);
  });
  test('says goodbye once', () => {
    const { session } = connected();
    session.close(1);
    session.close(2);
    expect(session.takeOutput()).toEqual([Uint8Array.of(21, 0)]);
    expect(session).toMatchObject({ state: 'closed', end: 'self', failure: undefined });
    expect(session.send(DATA, 3)).toBe(false);
  });
  test('cannot send before it is connected', () => {
    const { session } = newSession();
    expect(session.send(DATA, 0)).toBe(false);
  });
});

describe('fingerprints', () => {
  const actual = { 'sha-1': '11', 'sha-256': '22', 'sha-512': '33' } as const;
  const judge = (list: DtlsFingerprint[]) =>
    judgeFingerprints(list, (algorithm) =>
      algorithm in actual ? actual[algorithm as keyof typeof actual] : undefined,
    );
  test.each<[string, DtlsFingerprint[], string]>([
    ['one that is right', [{ algorithm: 'sha-256', value: '22' }], 'match'],
    [
      'one of two certificates',
      [
        { algorithm: 'sha-256', value: '99' },
        { algorithm: 'sha-256', value: '22' },
      ],
      'match',
    ],
    [
      'the strongest decides',
      [
        { algorithm: 'sha-1', value: '11' },
        { algorithm: 'sha-512', value: '99' },
      ],
      'mismatch',
    ],
    [
      'a weak wrong one beside a strong right one',
      [
        { algorithm: 'sha-1', value: '99' },
        { algorithm: 'sha-512', value: '33' },
      ],
      'match',
    ],
    ['none', [], 'unusable'],
    ['unknown algorithm only', [{ algorithm: 'md5' as FingerprintAlgorithm, value: '44' }], 'unusable'],
  ])('%s', (_name, list, want) => expect(judge(list)).toBe(want));
  test('letters in either case are equal', () => {
    expect(judgeFingerprints([{ algorithm: 'sha-256', value: 'aa:bb:cc' }], () => 'AA:BB:CC')).toBe('match');
    expect(
      judgeFingerprints([{ algorithm: 'SHA-256' as FingerprintAlgorithm, value: 'AA' }], () => 'AA'),
    ).toBe('match');
  });
});
