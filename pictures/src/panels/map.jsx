// Places on a map. A look-alike: Grafana's own is no package, and neither are its outlines of countries.
import React from 'react';
import { formattedValueToString, getDisplayProcessor } from '@grafana/data';
import { useTheme2 } from '@grafana/ui';
import countries from 'i18n-iso-countries';
import { feature } from 'topojson-client';
import outlines from 'world-atlas/countries-50m.json';
import world from 'world-atlas/land-110m.json';

const ANCHORS = { left: 'start', center: 'middle', right: 'end' };
const mirrored = (align) => (align === 'left' ? 'right' : align);
// A line from one edge of the map to the other is none of a coast.
const lines = (ring) => ring.map(([east, north], number) => [east, north, number === 0 || Math.abs(east - ring[number - 1][0]) > 180 ? 'M' : 'L']);
const RINGS = [feature(world, world.objects.land)].flatMap(({ features, geometry }) => features?.map((one) => one.geometry) ?? [geometry]).flatMap((geometry) => geometry.coordinates.flat());

export function Map({ data, options, width, height }) {
  const theme = useTheme2();
  const [layer] = options.layers;
  const frame = data.series[0];
  const field = (name) => frame.fields.find((one) => (one.config.displayName ?? one.name) === name);
  const { color, text, textConfig } = layer.config.style;
  const place = placing(layer.location, field);
  const colored = field(color.field);
  const display = colored && (colored.display ?? getDisplayProcessor({ field: colored, theme, timeZone: 'utc' }));
  // Mercator, as the real one: all of the width, the middle as the board has it.
  const scale = Math.max(width / 360, height / 170) * 1.02;
  const mercator = (latitude) => (180 / Math.PI) * Math.log(Math.tan(Math.PI / 4 + (Math.max(Math.min(latitude, 84), -84) * Math.PI) / 360));
  const x = (degrees) => width / 2 + (degrees - options.view.lon) * scale;
  const y = (degrees) => height / 2 - (mercator(degrees) - mercator(options.view.lat)) * scale;
  return (
    <svg width={width} height={height} style={{ display: 'block', background: theme.colors.background.canvas }} fontSize={12}>
      {RINGS.map((ring, number) => (
        <path key={number} d={lines(ring).map(([east, north, to]) => `${to}${x(east).toFixed(1)} ${y(north).toFixed(1)}`).join('')} fill="#3d5244" fillOpacity={0.25} stroke="#3d5244" />
      ))}
      {Array.from({ length: frame.length }, (_, row) => {
        const shown = display?.(colored.values[row]);
        const where = place(row);
        if (!where) return null;
        const at = [x(where[0]), y(where[1])];
        const isAtEdge = at[0] > width - 60;
        return (
          <g key={row}>
            <title>{shown && formattedValueToString(shown)}</title>
            <circle cx={at[0]} cy={at[1]} r={8} fill={shown?.color ?? color.fixed} fillOpacity={0.9} />
            <text x={at[0] + (textConfig?.offsetX ?? 0) * (isAtEdge ? -1 : 1)} y={at[1] + 4} textAnchor={ANCHORS[isAtEdge ? mirrored(textConfig?.textAlign) : textConfig?.textAlign]} fontSize={textConfig?.fontSize} fill={theme.colors.text.primary}>{text?.field && field(text.field)?.values[row]}</text>
          </g>
        );
      })}
    </svg>
  );
}

/** Where a row is, as [longitude, latitude]. */
function placing(location, field) {
  if (location.mode === 'lookup') {
    return (row) => middle(field(location.lookup).values[row]);
  }
  return (row) => [location.longitude, location.latitude].map((name) => Number(field(name).values[row]));
}

/** The middle of the longest coast or border of a country, by its two letters. */
function middle(code) {
  const found = feature(outlines, outlines.objects.countries).features.find(({ id }) => id === countries.alpha2ToNumeric(code));
  if (!found) return undefined;
  const { type, coordinates } = found.geometry;
  const rings = (type === 'Polygon' ? [coordinates] : coordinates).map(([ring]) => ring);
  const ring = rings.reduce((one, other) => (other.length > one.length ? other : one));
  return [0, 1].map((axis) => ring.reduce((sum, point) => sum + point[axis], 0) / ring.length);
}
