/** Flags, environment, file and defaults; the sentences that a wrong setting gets. */
import { describe, expect, test } from 'vitest';
import { helpText, readServeRequest, SETTINGS } from '../../src/configSources.js';
import type { Config } from '../../src/config.js';
import { StartError } from '../../src/errors.js';

interface Given {
  args?: string[];
  env?: Record<string, string>;
  files?: Record<string, string>;
}

function read({ args = [], env = {}, files = {} }: Given): Config {
  const request = readServeRequest({
    args,
    env,
    readFile(path) {
      const text = files[path];
      if (text === undefined) throw new Error('no such file');
      return text;
    },
  });
  if (request.help) throw new Error('help');
  return request.config;
}

test('defaults are those of the documentation', () => {
  expect(read({})).toMatchObject({
    host: '127.0.0.1',
    port: 3000,
    mediaPort: 40_000,
    workers: 1,
    rooms: [],
    meet: { extensions: false },
  });
});

test('a flag goes before a variable, a variable before the file, the file before the default', () => {
  const files = { 'c.json': '{"port":1,"mediaPort":2,"audioSlots":4,"meet":{"extensions":true}}' };
  const env = { TERTULIA_PORT: '11', TERTULIA_MEDIA_PORT: '12', TERTULIA_CONFIG: 'c.json' };
  const config = read({ args: ['--port', '21'], env, files });
  expect(config).toMatchObject({ port: 21, mediaPort: 12, audioSlots: 4, meet: { extensions: true } });
});

test('each setting has a flag and a variable that do the same, and stands in the help', () => {
  const samples: Record<string, string> = {
    host: 'localhost',
    port: '8080',
    'media-ip': '127.0.0.1',
    'log-level': 'debug',
    'cors-origin': '*',
  };
  const help = helpText();
  for (const { flag, variable } of SETTINGS) {
    expect(help).toContain(`--${flag}`);
    expect(help).toContain(variable);
    const value = samples[flag];
    if (value !== undefined)
      expect(read({ args: [`--${flag}`, value] })).toEqual(read({ env: { [variable]: value } }));
  }
  expect(SETTINGS.map(({ flag }) => flag)).toContain('meet-extensions');
});

test('switches: given, negated, by variable', () => {
  expect(read({ args: ['--meet-extensions'] }).meet.extensions).toBe(true);
  expect(
    read({ args: ['--no-meet-extensions'], env: { TERTULIA_MEET_EXTENSIONS: 'true' } }).meet.extensions,
  ).toBe(false);
  expect(read({ env: { TERTULIA_INSECURE: 'yes', TERTULIA_HOST: '0.0.0.0' } }).insecure).toBe(true);
});

test('rooms as JSON, as pairs, and in the file', () => {
  const rooms = [{ code: 'abc-mnop-xyz', id: 'jQCFfuBOdN5z' }];
  expect(read({ args: ['--rooms', JSON.stringify(rooms)] }).rooms).toEqual(rooms);
  expect(read({ env: { TERTULIA_ROOMS: 'abc-mnop-xyz=jQCFfuBOdN5z' } }).rooms).toEqual(rooms);
  const own = rooms.map((room) => ({ ...room, videoSlots: 16 }));
  expect(read({ args: ['--config', 'c'], files: { c: JSON.stringify({ rooms: own }) } }).rooms).toEqual(own);
});

test('which rooms are recorded: a word, a list of names, a list in the file', () => {
  const args = ['--recordings', '/var/calls'];
  expect(read({ args })).toMatchObject({ recordings: '/var/calls', recordRooms: 'never' });
  expect(read({ args: [...args, '--record-rooms', 'always'] }).recordRooms).toBe('always');
  expect(read({ args, env: { TERTULIA_RECORD_ROOMS: 'tea, milk' } }).recordRooms).toEqual(['tea', 'milk']);
  const file = JSON.stringify({ recordings: '/var/calls', recordRooms: ['always'] });
  expect(read({ args: ['--config', 'c'], files: { c: file } }).recordRooms).toEqual(['always']);
});

test('variables that look like settings but are none are named', () => {
  const request = readServeRequest({ args: [], env: { TERTULIA_PROT: '1', PATH: '/' }, readFile: () => '' });
  expect(request).toMatchObject({ unknownVariables: ['TERTULIA_PROT'] });
});

describe('what is wrong is said in one sentence', () => {
  test.each<[string, Given, RegExp]>([
    ['an unknown flag', { args: ['--prot', '1'] }, /--prot.*--help/],
    ['a flag without value', { args: ['--port'] }, /--port/],
    ['something else', { args: ['now'] }, /now/],
    ['a port that is no number', { args: ['--port', 'http'] }, /--port must be a number/],
    ['a port that is too large', { args: ['--port', '70000'] }, /--port is not valid/],
    ['a wrong switch', { env: { TERTULIA_INSECURE: 'maybe' } }, /TERTULIA_INSECURE/],
    [
      'an unknown key in the file',
      { args: ['--config', 'c'], files: { c: '{"prot":1}' } },
      /unknown key "prot"/,
    ],
    [
      'an unknown key within',
      { args: ['--config', 'c'], files: { c: '{"meet":{"x":1}}' } },
      /unknown key "x"/,
    ],
    ['a missing file', { args: ['--config', 'c'] }, /cannot be read/],
    ['a file that is no JSON', { args: ['--config', 'c'], files: { c: 'port: 1' } }, /not a JSON object/],
    [
      'H8.3 a file with __proto__',
      { args: ['--config', 'c'], files: { c: '{"__proto__":{"insecure":true}}' } },
      /forbidden-key/,
    ],
    ['a key without secret', { args: ['--api-key', 'k'] }, /--api-secret/],
    ['an open host', { args: ['--host', '0.0.0.0'] }, /--insecure/],
    ['a certificate without key', { args: ['--tls-cert', 'c.pem'] }, /--tls-key/],
    ['TURN without secret', { args: ['--turn-url', 'turn:x'] }, /--turn-secret/],
    ['rooms to record without a directory', { args: ['--record-rooms', 'always'] }, /--recordings/],
    [
      'a room to record that is a path',
      { args: ['--recordings', '/tmp', '--record-rooms', 'tea,../x'] },
      /--record-rooms.*"\.\.\/x"/,
    ],
    ['an unknown mode of recording', { args: ['--record-mode', 'mp4'] }, /--record-mode/],
    ['a cluster', { args: ['--cluster', 'nats://x'] }, /not available/],
    ['two rooms of one name', { args: ['--rooms', 'a=b,c=a'] }, /different/],
    [
      'slots beyond 16 of a room',
      { args: ['--rooms', '[{"code":"a","id":"b","videoSlots":17}]'] },
      /--rooms/,
    ],
    ['slots of pictures beyond 16', { env: { TERTULIA_VIDEO_SLOTS: '17' } }, /--video-slots/],
    ['a room that is a path', { args: ['--rooms', '../x=b'] }, /--rooms/],
  ])('%s', (_name, given, sentence) => {
    expect(() => read(given)).toThrow(StartError);
    expect(() => read(given)).toThrow(sentence);
    try {
      read(given);
    } catch (error) {
      expect(String(error)).not.toContain('\n');
    }
  });
});
