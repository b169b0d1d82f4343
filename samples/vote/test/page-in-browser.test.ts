import { createLogger } from '@holdfast/process';
import { redisServerProgram, startRedisServer } from '@holdfast/redis/testing';
import { chromium } from 'playwright-core';
import { describe, expect, it } from 'vitest';

import { startVote } from '../src/index.ts';

const browserProgram = process.env['HOLDFAST_CHROMIUM'];
const program = redisServerProgram ?? '';
const POLL = { timeout: 30_000, interval: 50 };

function start(redisPort: number, password = '') {
  const env = { host: '127.0.0.1', port: '0', REDIS: '127.0.0.1', redis_port: String(redisPort), REDIS_PWD: password };
  return startVote({
    env,
    configFile: undefined,
    logger: createLogger({ name: 'vote', level: 'silent' }),
    fail: () => undefined,
  });
}

describe.skipIf(redisServerProgram === undefined || browserProgram === undefined)('the page in a browser', () => {
  it('counts clicks, keeps them over a restart, and sets them back', async () => {
    await using redis = await startRedisServer(program, { password: 'key' });
    let service = await start(redis.port, 'key');
    const browser = await chromium.launch({
      executablePath: browserProgram ?? '',
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
    });
    try {
      const page = await browser.newPage();
      const errors: string[] = [];
      page.on('pageerror', (error) => errors.push(error.message));
      page.on('console', (message) => {
        if (message.type() === 'error') errors.push(message.text());
      });
      const shows = async (text: string): Promise<void> => {
        await expect.poll(async () => (await page.locator('.results').innerText()).trim(), POLL).toBe(text);
      };
      await page.goto(service.addresses['http'] ?? '');
      // Each click loads the page anew.
      await page.getByRole('button', { name: 'Cats' }).click();
      await shows('Cats - 1 | Dogs - 0');
      await page.getByRole('button', { name: 'Cats' }).click();
      await shows('Cats - 2 | Dogs - 0');
      await page.getByRole('button', { name: 'Dogs' }).click();
      await shows('Cats - 2 | Dogs - 1');
      await service.stop();
      service = await start(redis.port, 'key');
      await page.goto(service.addresses['http'] ?? '');
      await shows('Cats - 2 | Dogs - 1');
      await page.getByRole('button', { name: 'Reset' }).click();
      await shows('Cats - 0 | Dogs - 0');
      expect(errors.filter((text) => !text.includes('favicon'))).toEqual([]);
    } finally {
      await browser.close();
      await service.stop();
    }
  });
});

describe.skipIf(redisServerProgram === undefined)('without its Redis', () => {
  it('the application does not start, so that whoever runs it tries again', async () => {
    const redis = await startRedisServer(program);
    await redis.kill();
    await expect(start(redis.port)).rejects.toMatchObject({ code: 'REDIS_UNREACHABLE' });
    await redis[Symbol.asyncDispose]();
  });
});
