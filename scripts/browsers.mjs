/**
 * Finds the browsers that the tests drive. Chromium is installed from Debian's packages where it is missing and
 * may be installed; Firefox and the sound tools likewise. Anything else ends with a sentence that says what to do.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const TOOLS = [
  { file: '/usr/bin/chromium', package: 'chromium' },
  { file: '/usr/bin/firefox-esr', package: 'firefox-esr' },
  { file: '/usr/bin/espeak-ng', package: 'espeak-ng' },
  { file: '/usr/bin/sox', package: 'sox' },
];

export function ensureBrowsers() {
  const missing = TOOLS.filter(({ file }) => !existsSync(file)).map((tool) => tool.package);
  if (missing.length === 0) return;

  const mayInstall = existsSync('/usr/bin/apt-get') && process.getuid?.() === 0;
  if (!mayInstall) {
    console.error(`The browser tests need: ${missing.join(', ')}. Install them as root with:`);
    console.error(`  apt-get install ${missing.join(' ')}`);
    process.exit(1);
  }
  console.log(`installing ${missing.join(', ')}`);
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', ...missing]]) {
    const { status, stderr } = spawnSync('apt-get', args, { env: environment, encoding: 'utf8' });
    if (status !== 0 && args[0] === 'install') {
      console.error(stderr);
      console.error(`apt-get could not install ${missing.join(', ')}; install them by hand.`);
      process.exit(1);
    }
  }
}
