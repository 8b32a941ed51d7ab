/** What a person sends: each source with its layers. */
import { bitRate, lossTone, milliseconds, percent, SOURCES } from './format.js';
import type { LayerFigures, SourceFigures } from './roomStats.js';

/** Beside each other in the order in which people look for them. */
const ORDER = ['microphone', 'camera', 'screen', 'screenSound'];

export function Sources({ sources }: { sources: readonly SourceFigures[] }) {
  // A source that has never sent has nothing to show; most people never share a screen.
  const shown = sources
    .filter(({ layers, muted }) => layers.length > 0 || !muted)
    .sort((a, b) => ORDER.indexOf(a.source) - ORDER.indexOf(b.source));
  if (shown.length === 0) return <p className="hint">Sends nothing.</p>;
  const most = Math.max(
    1,
    ...shown.flatMap(({ layers }) => layers.map(({ bitsPerSecond }) => bitsPerSecond)),
  );
  return (
    <ul className="sources">
      {shown.map((source) => (
        <SourceRow key={source.csrc} source={source} most={most} />
      ))}
    </ul>
  );
}

function SourceRow({ source, most }: { source: SourceFigures; most: number }) {
  const { source: name, codec, muted, layers } = source;
  return (
    <li className={muted ? 'source source-muted' : 'source'} data-testid="source">
      <p className="source-name">
        <strong>{SOURCES[name] ?? name}</strong>
        {codec !== undefined && <span className="chip">{codec}</span>}
        {muted && <span className="chip chip-muted">off</span>}
      </p>
      {!muted && layers.length === 0 && <p className="hint">Nothing has come yet.</p>}
      {!muted &&
        layers.map((layer) => (
          <LayerRow
            key={layer.name}
            layer={layer}
            name={layers.length > 1 ? layer.name : undefined}
            most={most}
          />
        ))}
    </li>
  );
}

function LayerRow({ layer, name, most }: { layer: LayerFigures; name: string | undefined; most: number }) {
  const { width, height, framesPerSecond, bitsPerSecond, lostShare, jitterMs } = layer;
  const size = width !== undefined && height !== undefined ? `${width} × ${height}` : undefined;
  // The size stays that of the last picture; a layer that sends nothing has none now.
  const sends = bitsPerSecond >= 500;
  return (
    <div className={sends ? 'layer' : 'layer layer-idle'}>
      <span className="layer-name">{name === undefined ? '' : `Layer ${name}`}</span>
      <span className="layer-size">
        {sends && size}
        {sends && framesPerSecond !== undefined && ` ${Math.round(framesPerSecond)} fps`}
      </span>
      <span className="bar" aria-hidden="true">
        <svg width="100%" height="100%">
          <rect width={`${(100 * bitsPerSecond) / most}%`} height="100%" rx="2" />
        </svg>
      </span>
      <span className="layer-rate">{sends ? bitRate(bitsPerSecond) : 'not sent'}</span>
      {sends && (
        <span className="layer-quality">
          <span className={`tone-${lossTone(lostShare)}`}>{percent(lostShare)} lost</span>, jitter{' '}
          {milliseconds(jitterMs)}
        </span>
      )}
    </div>
  );
}
