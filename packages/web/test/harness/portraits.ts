/** Made-up pictures for the made-up call: people before their cameras and a shared slide, drawn here, moving a little. */

interface Look {
  skin: string;
  shade: string;
  hair: string;
  shirt: string;
  wall: [string, string];
  style: 'short' | 'long' | 'bun' | 'bald' | 'curls' | 'scarf';
  glasses?: boolean;
  beard?: boolean;
}

const LOOKS: readonly Look[] = [
  {
    skin: '#e8b999',
    shade: '#c98f6d',
    hair: '#3a2418',
    shirt: '#2f4858',
    wall: ['#d9cfc1', '#9c8f80'],
    style: 'bun',
  },
  {
    skin: '#d9a27c',
    shade: '#b27a56',
    hair: '#20160f',
    shirt: '#7a3b3b',
    wall: ['#aebdc6', '#6d7f8b'],
    style: 'short',
    beard: true,
  },
  {
    skin: '#7d4f37',
    shade: '#5d3826',
    hair: '#17110e',
    shirt: '#d8a13a',
    wall: ['#e6dccb', '#b9a78c'],
    style: 'curls',
  },
  {
    skin: '#f0cdb4',
    shade: '#d3a585',
    hair: '#8a8580',
    shirt: '#33413a',
    wall: ['#57606b', '#2c333c'],
    style: 'short',
    glasses: true,
  },
  {
    skin: '#efc4a4',
    shade: '#d09c79',
    hair: '#a5602c',
    shirt: '#4d6b8a',
    wall: ['#cfd8cf', '#8ea08f'],
    style: 'long',
  },
  {
    skin: '#c58c63',
    shade: '#9d6a46',
    hair: '#2b3a55',
    shirt: '#2b3a55',
    wall: ['#efe3d2', '#c5ab8b'],
    style: 'scarf',
  },
  {
    skin: '#8a5a3e',
    shade: '#68402b',
    hair: '#120d0a',
    shirt: '#e4e0d8',
    wall: ['#7f93a3', '#43525f'],
    style: 'bald',
    beard: true,
    glasses: true,
  },
  {
    skin: '#e9c19c',
    shade: '#c89a73',
    hair: '#15110f',
    shirt: '#5a6e4a',
    wall: ['#d7d3da', '#8f8a99'],
    style: 'short',
  },
  {
    skin: '#dcaa86',
    shade: '#b98260',
    hair: '#41291b',
    shirt: '#8c4f6b',
    wall: ['#b7c7bd', '#75897d'],
    style: 'long',
    glasses: true,
  },
  {
    skin: '#b57b52',
    shade: '#8d5b39',
    hair: '#2a1b12',
    shirt: '#3f5a6b',
    wall: ['#e2d6c6', '#a8967f'],
    style: 'short',
    beard: true,
  },
  {
    skin: '#6f4630',
    shade: '#50301f',
    hair: '#1a1412',
    shirt: '#b5533c',
    wall: ['#93a5b1', '#566874'],
    style: 'bun',
  },
  {
    skin: '#f1d0b0',
    shade: '#d4aa85',
    hair: '#1b1512',
    shirt: '#6a5a8c',
    wall: ['#dcd4cb', '#a0958a'],
    style: 'long',
  },
];

/** Frames per second: enough for a picture that lives, little enough for twelve of them in one tab. */
const RATE = 8;

type Draw = (context: CanvasRenderingContext2D, seconds: number) => void;

function film(width: number, height: number, draw: Draw): MediaStream {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d')!;
  let frame = 0;
  const step = (): void => draw(context, frame++ / RATE);
  step();
  const stream = canvas.captureStream(RATE);
  timers.set(stream, setInterval(step, 1_000 / RATE));
  return stream;
}

const timers = new WeakMap<MediaStream, ReturnType<typeof setInterval>>();

/** No further frames, as from a cable that was pulled. */
export const halt = (stream: MediaStream): void => clearInterval(timers.get(stream));

/** @param upright as a telephone gives it */
export function portrait(index: number, upright = false): MediaStream {
  const look = LOOKS[index % LOOKS.length]!;
  const [width, height] = upright ? [360, 640] : [640, 360];
  const room = background(look, width, height, index);
  return film(width, height, (context, seconds) => {
    context.drawImage(room, 0, 0);
    // Breathing and a slow sway, each person in another rhythm.
    const sway = Math.sin(seconds * 0.7 + index * 1.9) * 4;
    const breath = Math.sin(seconds * 1.6 + index) * 1.5;
    const blink = (seconds + index * 0.7) % 4 < 0.15;
    context.save();
    const scale = upright ? 1.05 : 1;
    context.translate(width / 2 + sway + ((index * 37) % 41) - 20, height * (upright ? 0.46 : 0.5) + breath);
    context.scale(scale, scale);
    person(context, look, blink, seconds + index);
    context.restore();
  });
}

function background({ wall }: Look, width: number, height: number, index: number): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d')!;
  const fill = context.createLinearGradient(0, 0, width * 0.8, height);
  fill.addColorStop(0, wall[0]);
  fill.addColorStop(1, wall[1]);
  context.fillStyle = fill;
  context.fillRect(0, 0, width, height);
  context.filter = 'blur(7px)';
  const side = index % 2 === 0 ? 0.06 : 0.72;
  if (index % 3 === 0) {
    // A window.
    context.fillStyle = 'rgb(255 250 235 / 75%)';
    context.fillRect(width * side, -20, width * 0.22, height * 0.62);
    context.fillStyle = wall[1];
    context.fillRect(width * (side + 0.105), -20, 7, height * 0.62);
  } else if (index % 3 === 1) {
    // A shelf with books.
    for (let book = 0; book < 9; book++) {
      context.fillStyle = ['#7b4b3a', '#c9b48c', '#3f5563', '#8c8f6a'][book % 4]!;
      context.globalAlpha = 0.7;
      context.fillRect(width * side + book * 17, height * 0.2 - (book % 3) * 8, 14, 62 + (book % 3) * 8);
    }
    context.globalAlpha = 0.6;
    context.fillStyle = '#4a3a2e';
    context.fillRect(width * side - 12, height * 0.2 + 62, 180, 9);
  } else {
    // A plant and a picture.
    context.fillStyle = 'rgb(255 255 255 / 45%)';
    context.fillRect(width * (side + 0.02), height * 0.12, 92, 72);
    context.fillStyle = 'rgb(52 88 60 / 70%)';
    for (let leaf = 0; leaf < 6; leaf++) {
      context.beginPath();
      context.ellipse(width * (0.9 - side) + leaf * 9 - 20, height * 0.6 - leaf * 11, 34, 11, leaf - 1, 0, 7);
      context.fill();
    }
  }
  context.filter = 'none';
  return canvas;
}

const oval = (context: CanvasRenderingContext2D, x: number, y: number, rx: number, ry: number): void => {
  context.beginPath();
  context.ellipse(x, y, rx, ry, 0, 0, Math.PI * 2);
  context.fill();
};

function person(context: CanvasRenderingContext2D, look: Look, blink: boolean, seconds: number): void {
  const { skin, shade, hair, shirt, style } = look;
  const long = style === 'long';

  if (long) {
    context.fillStyle = hair;
    context.beginPath();
    context.moveTo(-74, -40);
    context.bezierCurveTo(-92, 60, -88, 110, -66, 150);
    context.lineTo(66, 150);
    context.bezierCurveTo(88, 110, 92, 60, 74, -40);
    context.fill();
  }
  if (style === 'bun') {
    context.fillStyle = hair;
    oval(context, 0, -118, 32, 28);
  }
  if (style === 'curls') {
    context.fillStyle = hair;
    for (let curl = 0; curl < 15; curl++) {
      const angle = Math.PI + (curl / 14) * Math.PI;
      oval(context, Math.cos(angle) * 74, -40 + Math.sin(angle) * 68, 27, 27);
    }
    oval(context, -76, -14, 22, 26);
    oval(context, 76, -14, 22, 26);
  }

  // Shoulders and neck.
  const cloth = context.createLinearGradient(-120, 90, 140, 260);
  cloth.addColorStop(0, shirt);
  cloth.addColorStop(1, `color-mix(in srgb, ${shirt} 62%, black)`);
  context.fillStyle = cloth;
  context.beginPath();
  context.moveTo(-168, 420);
  context.bezierCurveTo(-164, 180, -150, 142, -52, 112);
  context.lineTo(52, 112);
  context.bezierCurveTo(150, 142, 164, 180, 168, 420);
  context.fill();
  context.fillStyle = shade;
  context.beginPath();
  context.moveTo(-32, 40);
  context.lineTo(-36, 112);
  context.quadraticCurveTo(0, 150, 36, 112);
  context.lineTo(32, 40);
  context.fill();

  // Head.
  const face = context.createLinearGradient(-60, -80, 70, 70);
  face.addColorStop(0, skin);
  face.addColorStop(0.6, skin);
  face.addColorStop(1, shade);
  context.fillStyle = shade;
  oval(context, -64, 2, 10, 17);
  oval(context, 64, 2, 10, 17);
  context.fillStyle = face;
  context.beginPath();
  context.moveTo(-64, -22);
  context.bezierCurveTo(-66, -104, 66, -104, 64, -22);
  context.bezierCurveTo(64, 34, 40, 82, 0, 82);
  context.bezierCurveTo(-40, 82, -64, 34, -64, -22);
  context.fill();

  if (look.beard) {
    context.fillStyle = `color-mix(in srgb, ${hair} 88%, ${shade})`;
    context.beginPath();
    context.moveTo(-63, 2);
    context.bezierCurveTo(-60, 62, -36, 92, 0, 92);
    context.bezierCurveTo(36, 92, 60, 62, 63, 2);
    context.bezierCurveTo(52, 34, 34, 32, 0, 32);
    context.bezierCurveTo(-34, 32, -52, 34, -63, 2);
    context.fill();
  }

  if (style === 'scarf') {
    context.fillStyle = hair;
    context.beginPath();
    context.moveTo(-74, 36);
    context.bezierCurveTo(-92, -128, 92, -128, 74, 36);
    context.bezierCurveTo(62, 66, 66, -54, 0, -62);
    context.bezierCurveTo(-66, -54, -62, 66, -74, 36);
    context.fill();
    context.beginPath();
    context.moveTo(-72, 30);
    context.bezierCurveTo(86, 90, 96, 130, 112, 146);
    context.quadraticCurveTo(0, 196, -112, 146);
    context.bezierCurveTo(-96, 130, -86, 90, -72, 30);
    context.fill();
    context.fillStyle = face;
    context.beginPath();
    context.ellipse(0, 12, 54, 68, 0, 0, Math.PI * 2);
    context.fill();
  } else if (style !== 'bald') {
    context.fillStyle = hair;
    context.beginPath();
    context.moveTo(-68, -4);
    context.bezierCurveTo(-84, -124, 84, -124, 68, -4);
    context.bezierCurveTo(62, -36, 48, -54, 22, -58);
    context.bezierCurveTo(-10, -62, -40, -60, -52, -40);
    context.bezierCurveTo(-60, -28, -64, -18, -68, -4);
    context.fill();
  }

  // Brows, eyes, nose, mouth.
  context.strokeStyle = style === 'bald' || style === 'scarf' ? '#231812' : hair;
  context.lineCap = 'round';
  context.lineWidth = 4.5;
  for (const side of [-1, 1]) {
    context.beginPath();
    context.moveTo(side * 14, -20);
    context.quadraticCurveTo(side * 27, -27, side * 40, -19);
    context.stroke();
    if (blink) {
      context.lineWidth = 2.5;
      context.beginPath();
      context.moveTo(side * 18, -4);
      context.lineTo(side * 36, -4);
      context.stroke();
      context.lineWidth = 4.5;
    } else {
      context.fillStyle = '#fbf7f2';
      oval(context, side * 27, -4, 10, 6.5);
      context.fillStyle = '#2b1d14';
      oval(context, side * 27 + 1, -4, 5, 5.5);
      context.fillStyle = '#fff';
      oval(context, side * 27 + 2.5, -6, 1.5, 1.5);
    }
    if (look.glasses) {
      context.save();
      context.strokeStyle = '#241f1c';
      context.lineWidth = 3;
      context.beginPath();
      context.roundRect(side * 27 - 19, -17, 38, 28, 10);
      context.stroke();
      context.restore();
    }
  }
  context.strokeStyle = shade;
  context.lineWidth = 3.5;
  context.beginPath();
  context.moveTo(2, 0);
  context.quadraticCurveTo(11, 22, -3, 24);
  context.stroke();
  const open = 3 + Math.abs(Math.sin(seconds * 2.3)) * 3;
  context.fillStyle = '#9c4b45';
  context.beginPath();
  context.moveTo(-22, 46);
  context.quadraticCurveTo(0, 44, 22, 46);
  context.quadraticCurveTo(0, 50 + open * 2, -22, 46);
  context.fill();
}

/** A slide with a heading, lines and a chart: something one wants to read. */
export function slide(): MediaStream {
  return film(1_920, 1_080, (context, seconds) => {
    context.fillStyle = '#fdfcf9';
    context.fillRect(0, 0, 1_920, 1_080);
    context.fillStyle = '#17695b';
    context.fillRect(0, 0, 24, 1_080);
    context.fillStyle = '#1f1d1a';
    context.font = '700 84px system-ui, sans-serif';
    context.fillText('Rain in the high valley', 130, 190);
    context.font = '400 46px system-ui, sans-serif';
    context.fillStyle = '#5c574e';
    context.fillText('Monthly totals, three stations, ten years', 130, 268);
    const lines = [
      'Spring came two weeks early',
      'The eastern station stood still in June',
      'Autumn is wetter than the mean',
      'Next: the same for snow',
    ];
    context.fillStyle = '#1f1d1a';
    context.font = '400 44px system-ui, sans-serif';
    lines.forEach((line, index) => {
      context.beginPath();
      context.arc(146, 412 + index * 108, 9, 0, 7);
      context.fill();
      context.fillText(line, 186, 428 + index * 108);
    });
    const heights = [180, 240, 330, 300, 210, 150, 120, 160, 280, 390, 420, 310];
    heights.forEach((height, index) => {
      context.fillStyle = index === 9 || index === 10 ? '#1c8f79' : '#b9d8d0';
      context.fillRect(1_100 + index * 58, 880 - height, 42, height);
    });
    context.fillStyle = '#918a7d';
    context.fillRect(1_090, 882, 700, 4);
    // A pointer that wanders, so that it moves at all.
    context.fillStyle = '#b3261e';
    context.beginPath();
    context.arc(1_420 + Math.sin(seconds) * 60, 520 + Math.cos(seconds * 0.8) * 30, 10, 0, 7);
    context.fill();
  });
}
