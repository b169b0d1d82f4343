import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ConfigError } from '@holdfast/base';
import { expect, it } from 'vitest';
import { z } from 'zod';

import { loadConfig } from '../src/index.ts';

const schema = z.object({
  port: z.int(),
  enabled: z.boolean().default(false),
  name: z.string(),
  list: z.array(z.int()).default([]),
});

function configFile(content: string): string {
  const file = join(mkdtempSync(join(tmpdir(), 'holdfast-config-')), 'config.json');
  writeFileSync(file, content);
  return file;
}

it('loadConfig layers defaults, environment and file, and types environment text', () => {
  const config = loadConfig({
    schema,
    defaults: { name: 'default', port: 1 },
    env: { port: '2', enabled: 'TRUE', name: 'environment', list: '[1,2]', PATH: 'ignored' },
    file: configFile('{"name":"file"}'),
  });
  expect(config).toEqual({ port: 2, enabled: true, name: 'file', list: [1, 2] });
  expect(Object.isFrozen(config)).toBe(true);
});

it('loadConfig keeps environment text that looks like a number when the setting takes texts', () => {
  expect(loadConfig({ schema, env: { port: '1', name: '5.70' } }).name).toBe('5.70');
});

it('loadConfig reports every problem at once, with its path', () => {
  const load = () => loadConfig({ schema, env: { port: 'http' } });
  expect(load).toThrow(ConfigError);
  expect(load).toThrow(/port: .*; name: /);
});

it.each([
  ['a missing file', '/nonexistent/config.json'],
  ['a file that is no JSON', configFile('{')],
  ['a file that is no object', configFile('[]')],
])('loadConfig names %s', (_what, file) => {
  expect(() => loadConfig({ schema, env: {}, file })).toThrow(
    expect.objectContaining({ code: 'CONFIG_UNREADABLE', message: expect.stringContaining(file) }),
  );
});
