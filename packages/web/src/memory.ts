/** What the page remembers between visits: the name, the devices, whether the camera was on. Nothing else is stored. */
const read = (key: string): string => {
  try {
    return localStorage.getItem(key) ?? '';
  } catch {
    return ''; // storage switched off
  }
};
const write = (key: string, value: string): void => {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Storage switched off: asked again next time.
  }
};

export const memory = {
  get name(): string {
    return read('tertulia.name');
  },
  set name(value: string) {
    write('tertulia.name', value);
  },
  get microphoneId(): string {
    return read('tertulia.microphone');
  },
  set microphoneId(value: string) {
    write('tertulia.microphone', value);
  },
  get cameraId(): string {
    return read('tertulia.camera');
  },
  set cameraId(value: string) {
    write('tertulia.camera', value);
  },
  /** Off until a person has turned it on once. */
  get cameraOn(): boolean {
    return read('tertulia.camera-on') === 'yes';
  },
  set cameraOn(value: boolean) {
    write('tertulia.camera-on', value ? 'yes' : 'no');
  },
};
