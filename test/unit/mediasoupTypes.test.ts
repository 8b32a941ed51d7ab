/**
 * mediasoup's public types against ours, name by name: test/mediasoup-types is type-checked with npm's mediasoup beside it.
 * Only its types are looked at. It is installed here and nowhere else, and without its scripts, which would fetch or compile
 * a worker.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { beforeAll, describe, expect, test } from 'vitest';

const FOLDER = fileURLToPath(new URL('../mediasoup-types', import.meta.url));
const NODE_TYPES = fileURLToPath(new URL('../../node_modules/@types', import.meta.url));
const VERSION = '3.19.3';

beforeAll(install, 120_000);

/** What is wrong, by file. */
function problemsWith(stricter: ts.CompilerOptions): Map<string, string[]> {
  const { config } = ts.readConfigFile(join(FOLDER, 'tsconfig.json'), ts.sys.readFile);
  const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, FOLDER);
  const program = ts.createProgram(fileNames, { ...options, ...stricter, typeRoots: [NODE_TYPES] });
  const problems = new Map<string, string[]>();
  for (const { file, start, messageText } of ts.getPreEmitDiagnostics(program)) {
    const name = file?.fileName.split('/').at(-1) ?? 'the program';
    const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
    const text = ts.flattenDiagnosticMessageText(messageText, '\n').split('\n').slice(0, 6).join('\n');
    problems.set(name, [...(problems.get(name) ?? []), `line ${line}: ${text}`]);
  }
  return problems;
}

function install(): void {
  const manifest = join(FOLDER, 'node_modules/mediasoup/package.json');
  const isThere = (): boolean =>
    existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === VERSION;
  if (isThere()) return;
  const npm = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: FOLDER,
    encoding: 'utf8',
    timeout: 100_000,
  });
  if (npm.status === 0 && isThere()) return;
  throw new Error(
    `mediasoup ${VERSION} could not be installed for the comparison of types. It needs npm's registry once; ` +
      `by hand: cd test/mediasoup-types && npm ci --ignore-scripts\n${npm.stderr}`,
  );
}

describe.each([
  ['', {}],
  [', exactOptionalPropertyTypes too', { exactOptionalPropertyTypes: true }],
])('in strict mode%s', (_name, stricter) => {
  let problems: Map<string, string[]>;
  beforeAll(() => {
    problems = problemsWith(stricter);
  });

  test.each([
    ['every type that mediasoup names is there', 'names.ts'],
    ['every class, observer, error and result fits where mediasoup’s is asked for', 'entities.ts'],
    ['options and parameters in mediasoup’s types are accepted', 'options.ts'],
    ['the module fits in the place of mediasoup’s', 'module.ts'],
    ['an application in mediasoup’s types takes our module', 'application.ts'],
  ])('%s', (_name, file) => {
    expect(problems.get(file) ?? []).toEqual([]);
  });

  test('nothing else is wrong', () => {
    expect([...problems.keys()]).toEqual([]);
  });
});
