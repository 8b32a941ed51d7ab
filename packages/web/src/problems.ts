/** What went wrong, for people: what it means and what to do. Pure: an error code in, two short texts out. */
export interface Problem {
  title: string;
  text: string;
  /** Joining without a microphone would work. */
  listenOnly: boolean;
  /** Trying the same again may work. */
  retry: boolean;
}

const microphone = (title: string, text: string, retry = true): Problem => ({
  title,
  text,
  listenOnly: true,
  retry,
});
/** The call goes on, or can be joined, all the same. */
const aside = (title: string, text: string, retry = true): Problem => ({
  title,
  text,
  listenOnly: false,
  retry,
});
const server = (title: string, text: string, retry = true): Problem => ({
  title,
  text,
  listenOnly: false,
  retry,
});

const PROBLEMS: Record<string, Problem> = {
  MICROPHONE_DENIED: microphone(
    'The microphone is blocked',
    'Allow it with the icon beside the address, or in the settings of your device, and try again.',
  ),
  /** Of this page, not of the SDK: the two on the join screen at once. */
  BOTH_DENIED: microphone(
    'The microphone and the camera are blocked',
    'Allow them with the icon beside the address, or in the settings of your device, and try again.',
  ),
  MICROPHONE_MISSING: microphone(
    'No microphone was found',
    'Connect one and try again, or join and only listen.',
  ),
  MICROPHONE_FAILED: microphone(
    'The microphone does not start',
    'Another program may be using it. Close that program, or choose another microphone.',
  ),
  CAMERA_DENIED: aside(
    'The camera is blocked',
    'Allow it with the icon beside the address, or in the settings of your device, and turn it on again.',
  ),
  CAMERA_MISSING: aside('No camera was found', 'Connect one and turn it on again. You are heard without it.'),
  CAMERA_FAILED: aside(
    'The camera does not start',
    'Another program may be using it. Close that program, or choose another camera.',
  ),
  SCREEN_DENIED: aside(
    'The screen was not shared',
    'Your system may not let this browser record the screen. Allow it in the system’s settings.',
  ),
  SCREEN_FAILED: aside(
    'The screen cannot be shared',
    'Try again, or choose a window instead of the whole screen.',
  ),
  INSECURE_ORIGIN: microphone(
    'This address gives no access to the microphone or the camera',
    'Browsers allow them only over https, or on localhost. Ask for an https address, or join and only listen.',
    false,
  ),
  WEBRTC_MISSING: server('This browser cannot make calls', 'It has no WebRTC. Use a current browser.', false),
  SERVER_UNREACHABLE: server(
    'The server does not answer',
    'Check your network. The server may also be starting: try again soon.',
  ),
  ANSWER_MALFORMED: server('The server gave an answer that makes no sense', 'Reload the page and try again.'),
  CONNECTION_FAILED: server(
    'No connection for sound',
    'The server answers, but sound cannot reach it. A firewall may block UDP. Try another network.',
  ),
  ROOM_FULL: server('The room is full', 'Try again when somebody has left.'),
  ROOM_NAME_INVALID: server(
    'That is not a room name',
    'Use letters, digits, dots and hyphens, at most 64.',
    false,
  ),
  TOKEN_MISSING: server('This room needs an invitation', 'Open the link that you were sent.', false),
  TOKEN_INVALID: server('The invitation is not valid', 'Ask for a new link.', false),
  TOKEN_EXPIRED: server('The invitation has run out', 'Ask for a new link.', false),
  TOKEN_FORBIDDEN: server('The invitation is for another room', 'Ask for a link to this room.', false),
  DRAINING: server('The server is being restarted', 'Try again in a minute.'),
  MEDIA_UNAVAILABLE: server('The server cannot take calls now', 'Try again in a minute.'),
  RATE_LIMITED: server('Too many attempts', 'Wait a minute, then try again.'),
};

export const problemOf = (code: string): Problem =>
  PROBLEMS[code] ?? server('Joining did not work', `Try again. The code of the error is ${code}.`);
