/**
 * Where settings come from: flags, then environment (TERTULIA_…), then the file of --config, then defaults.
 * Names of all three are made from the schema's keys: `mediaPort` ↔ --media-port ↔ TERTULIA_MEDIA_PORT,
 * `meet.extensions` ↔ --meet-extensions ↔ TERTULIA_MEET_EXTENSIONS. So is the help text.
 * Throws StartError with one sentence; files are read through a function that the caller gives.
 */
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { ConfigSchema, findConflict, type Config } from './config.js';
import { StartError } from './errors.js';
import { parseJson } from './json.js';

interface JsonSchema {
  type?: string;
  anyOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  description?: string;
  default?: unknown;
  enum?: string[];
}

export interface Setting {
  /** Keys from the root of the configuration, e.g. ['meet', 'extensions']. */
  readonly path: readonly string[];
  readonly flag: string;
  readonly variable: string;
  readonly kind: 'boolean' | 'number' | 'string' | 'list';
  readonly choices: readonly string[] | undefined;
  readonly description: string;
  readonly fallback: unknown;
}

const words = (path: readonly string[]): string[] =>
  path.flatMap((key) =>
    key
      .replace(/([A-Z])/g, ' $1')
      .toLowerCase()
      .split(' '),
  );

function* walk(schema: JsonSchema, path: readonly string[]): Generator<Setting> {
  for (const [key, value] of Object.entries(schema.properties ?? {})) {
    const here = [...path, key];
    if (value.type === 'object') {
      yield* walk(value, here);
      continue;
    }
    const kind =
      value.type === 'boolean'
        ? 'boolean'
        : value.type === 'integer' || value.type === 'number'
          ? 'number'
          : value.type === 'array'
            ? 'list'
            : 'string';
    yield {
      path: here,
      flag: words(here).join('-'),
      variable: `TERTULIA_${words(here).join('_').toUpperCase()}`,
      kind,
      choices: value.enum,
      description: value.description ?? '',
      fallback: value.default,
    };
  }
}

export const SETTINGS: readonly Setting[] = [
  ...walk(z.toJSONSchema(ConfigSchema, { io: 'input' }) as JsonSchema, []),
];

/** Text of a flag or variable → value of the schema. */
function readText(setting: Setting, text: string, name: string): unknown {
  switch (setting.kind) {
    case 'boolean':
      if (/^(true|1|yes|on)$/i.test(text)) return true;
      if (/^(false|0|no|off|)$/i.test(text)) return false;
      throw new StartError(`${name} must be true or false, not "${text}".`);
    case 'number': {
      const number = Number(text);
      if (text.trim() === '' || !Number.isFinite(number))
        throw new StartError(`${name} must be a number, not "${text}".`);
      return number;
    }
    case 'list':
      return readList(text, name);
    case 'string':
      return text;
  }
}

function readList(text: string, name: string): unknown {
  if (text.trimStart().startsWith('[')) {
    const parsed = parseJson(text);
    if (!parsed.ok) throw new StartError(`${name} is not a JSON list (${parsed.why}).`);
    return parsed.value;
  }
  return text
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const [code = '', id = code] = part.trim().split('=');
      return { code, id };
    });
}

function put(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path;
  if (key === undefined) return;
  if (rest.length === 0) {
    target[key] = value;
    return;
  }
  const inner = target[key];
  const next = typeof inner === 'object' && inner !== null ? { ...inner } : {};
  put(next as Record<string, unknown>, rest, value);
  target[key] = next;
}

export interface Sources {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readFile(path: string): string;
}

export type ServeRequest =
  | { readonly help: true }
  | {
      readonly help: false;
      readonly config: Config;
      /** Variables that look like settings but are none. */ readonly unknownVariables: string[];
    };

export function readServeRequest(sources: Sources): ServeRequest {
  const flags = readFlags(sources.args);
  if (flags['help'] === true) return { help: true };

  const merged: Record<string, unknown> = {};
  const file = flags['config'] ?? sources.env['TERTULIA_CONFIG'];
  if (typeof file === 'string') Object.assign(merged, readConfigFile(file, sources));
  for (const setting of SETTINGS) {
    const text = sources.env[setting.variable];
    if (text !== undefined) put(merged, setting.path, readText(setting, text, setting.variable));
  }
  for (const setting of SETTINGS) {
    const given = flags[setting.flag];
    if (given === undefined) continue;
    put(
      merged,
      setting.path,
      typeof given === 'boolean' ? given : readText(setting, given, `--${setting.flag}`),
    );
  }

  const checked = ConfigSchema.safeParse(merged);
  if (!checked.success) throw new StartError(explain(checked.error));
  const conflict = findConflict(checked.data);
  if (conflict !== undefined) throw new StartError(conflict);
  const known = new Set(SETTINGS.map(({ variable }) => variable));
  const unknownVariables = Object.keys(sources.env).filter(
    (name) => name.startsWith('TERTULIA_') && !known.has(name),
  );
  return { help: false, config: checked.data, unknownVariables };
}

function readFlags(args: readonly string[]): Record<string, string | boolean | undefined> {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = {
    help: { type: 'boolean', short: 'h' },
  };
  for (const { flag, kind } of SETTINGS) options[flag] = { type: kind === 'boolean' ? 'boolean' : 'string' };
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false, allowNegative: true })
      .values;
  } catch (error) {
    const first = error instanceof Error ? (error.message.split(/\.\s|\n/)[0] ?? '') : String(error);
    throw new StartError(`${first}. "tertulia serve --help" lists what there is.`);
  }
}

function readConfigFile(path: string, sources: Sources): object {
  let text: string;
  try {
    text = sources.readFile(path);
  } catch (error) {
    throw new StartError(
      `The configuration file ${path} cannot be read: ${error instanceof Error ? error.message : error}.`,
    );
  }
  const parsed = parseJson(text, 16 * 1024 * 1024);
  if (!parsed.ok || typeof parsed.value !== 'object' || parsed.value === null || Array.isArray(parsed.value))
    throw new StartError(
      `The configuration file ${path} is not a JSON object${parsed.ok ? '' : ` (${parsed.why})`}.`,
    );
  return parsed.value;
}

function explain(error: z.ZodError): string {
  const issue = error.issues[0];
  if (!issue) return 'The configuration is not valid.';
  if (issue.code === 'unrecognized_keys')
    return `The configuration has an unknown key "${issue.keys[0]}"; "tertulia serve --help" lists what there is.`;
  const key = issue.path.map(String);
  const setting = SETTINGS.find(({ path }) => path.every((part, at) => part === key[at]));
  return `${setting ? `--${setting.flag}` : key.join('.')} is not valid: ${issue.message}.`;
}

/** The text of `tertulia serve --help`. */
export function helpText(): string {
  const left = SETTINGS.map(({ flag, kind, choices }) => {
    const value =
      kind === 'boolean'
        ? ''
        : ` ${choices ? choices.join('|') : kind === 'number' ? 'N' : kind === 'list' ? 'LIST' : 'TEXT'}`;
    return `  --${flag}${value}`;
  });
  const width = 26;
  const lines = SETTINGS.flatMap((setting, at) => {
    const { description, fallback, variable } = setting;
    const known =
      fallback === undefined || fallback === false || Array.isArray(fallback) ? '' : ` [${String(fallback)}]`;
    const start = left[at] ?? '';
    const text = `${description}${known} (${variable})`;
    return start.length < width ? [start.padEnd(width) + text] : [start, ' '.repeat(width) + text];
  });
  return ['tertulia serve [flags]', '', ...lines, `  -h, --help`.padEnd(width) + 'This text.', ''].join('\n');
}
