/** What the page remembers between visits: the name and the microphone. Nothing else is stored. */
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
};
