/**
 * What the sending video sections of the offer look like. The numbers are the house's: three sizes of a camera, one of
 * a screen. Nothing here changes during a session; tracks come and go by `replaceTrack`.
 */

/** Smallest first: that is the order in which browsers drop sizes when the uplink is too narrow. */
export const CAMERA_ENCODINGS: readonly RTCRtpEncodingParameters[] = [
  { rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 150_000 }, // 320 × 180: a tile in a grid of nine
  { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 500_000 }, // 640 × 360
  { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 2_000_000 }, // 1280 × 720, what VP8 needs for moving faces
];
/** One size: text that is made smaller cannot be read. */
export const SCREEN_ENCODINGS: readonly RTCRtpEncodingParameters[] = [{ maxBitrate: 2_500_000 }];

type Parameters = RTCRtpSendParameters & { degradationPreference?: string };

function addSender(
  connection: RTCPeerConnection,
  encodings: readonly RTCRtpEncodingParameters[],
): RTCRtpTransceiver {
  const copy = (): RTCRtpEncodingParameters[] => encodings.map((encoding) => ({ ...encoding }));
  try {
    return connection.addTransceiver('video', { direction: 'sendonly', sendEncodings: copy() });
  } catch {
    // A browser that does not know one of the parameters gets the names of the sizes only.
    const sendEncodings = encodings.length > 1 ? copy().map(({ rid }) => ({ rid: rid! })) : [];
    return connection.addTransceiver('video', { direction: 'sendonly', sendEncodings });
  }
}

/**
 * VP8 first, since everybody decodes it and the server answers with what is first. Chromium and Firefox have it so
 * by themselves; Safari begins with H.264.
 */
function preferVp8(transceiver: RTCRtpTransceiver): void {
  const codecs = globalThis.RTCRtpReceiver?.getCapabilities?.('video')?.codecs ?? [];
  const isVp8 = ({ mimeType }: { mimeType: string }): boolean => mimeType.toLowerCase() === 'video/vp8';
  if (!transceiver.setCodecPreferences || !codecs.some(isVp8) || isVp8(codecs[0]!)) return;
  try {
    transceiver.setCodecPreferences([...codecs.filter(isVp8), ...codecs.filter((one) => !isVp8(one))]);
  } catch {
    // The browser's own order then; the server takes any of the four codecs.
  }
}

export function addCamera(connection: RTCPeerConnection): RTCRtpSender {
  const transceiver = addSender(connection, CAMERA_ENCODINGS);
  preferVp8(transceiver);
  const { sender } = transceiver;
  // Firefox before version 110 ignores `sendEncodings`, but takes the same list here.
  const parameters = sender.getParameters();
  if ((parameters.encodings?.length ?? 0) < CAMERA_ENCODINGS.length) {
    const encodings = CAMERA_ENCODINGS.map((encoding) => ({ ...encoding }));
    sender.setParameters({ ...parameters, encodings }).catch(() => {});
  }
  return sender;
}

export function addScreen(connection: RTCPeerConnection): RTCRtpSender {
  const transceiver = addSender(connection, SCREEN_ENCODINGS);
  preferVp8(transceiver);
  const { sender } = transceiver;
  // Rather fewer pictures than blurred ones. Where this is not known, the track's content hint says the same.
  const parameters: Parameters = sender.getParameters();
  parameters.degradationPreference = 'maintain-resolution';
  sender.setParameters(parameters).catch(() => {});
  return sender;
}
