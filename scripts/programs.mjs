/**
 * Finds the programs that the tests drive: browsers, FFmpeg, GStreamer, tools for sound. What is missing is installed from
 * Debian's packages where that is allowed; anything else ends with a sentence that says what to do.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';

const TOOLS = [
  { file: '/usr/bin/chromium', package: 'chromium' },
  { file: '/usr/bin/firefox-esr', package: 'firefox-esr' },
  { file: '/usr/bin/espeak-ng', package: 'espeak-ng' },
  { file: '/usr/bin/sox', package: 'sox' },
  { file: '/usr/bin/ffmpeg', package: 'ffmpeg' },
  { file: '/usr/bin/gst-launch-1.0', package: 'gstreamer1.0-tools' },
  // opus and its like; vpx; srtp; x264; FFmpeg's H.264 decoder
  { plugin: 'libgstopus.so', package: 'gstreamer1.0-plugins-base' },
  { plugin: 'libgstvpx.so', package: 'gstreamer1.0-plugins-good' },
  { plugin: 'libgstsrtp.so', package: 'gstreamer1.0-plugins-bad' },
  { plugin: 'libgstx264.so', package: 'gstreamer1.0-plugins-ugly' },
  { plugin: 'libgstlibav.so', package: 'gstreamer1.0-libav' },
  { plugin: 'libgstnice.so', package: 'gstreamer1.0-nice' },
  // What a Python script needs for webrtcbin.
  { file: '/usr/lib/python3/dist-packages/gi/__init__.py', package: 'python3-gi' },
  { binding: 'Gst-1.0.typelib', package: 'gir1.2-gstreamer-1.0' },
  { binding: 'GstSdp-1.0.typelib', package: 'gir1.2-gst-plugins-base-1.0' },
  { binding: 'GstWebRTC-1.0.typelib', package: 'gir1.2-gst-plugins-bad-1.0' },
];

/** Debian keeps GStreamer's plugins, and what Python knows of it, in a folder named after the machine's kind. */
const FOLDERS = existsSync('/usr/lib') ? readdirSync('/usr/lib').map((folder) => `/usr/lib/${folder}`) : [];
const isThere = ({ file, plugin, binding }) => {
  if (file) return existsSync(file);
  const path = plugin ? `gstreamer-1.0/${plugin}` : `girepository-1.0/${binding}`;
  return FOLDERS.some((folder) => existsSync(`${folder}/${path}`));
};

export function ensurePrograms() {
  const missing = TOOLS.filter((tool) => !isThere(tool)).map((tool) => tool.package);
  if (missing.length === 0) return;

  const mayInstall = existsSync('/usr/bin/apt-get') && process.getuid?.() === 0;
  if (!mayInstall) {
    console.error(`The tests need: ${missing.join(', ')}. Install them as root with:`);
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
