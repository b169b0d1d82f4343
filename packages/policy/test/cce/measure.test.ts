import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { cceTextOf, explainMeasurement, generateCce, measureCceBase64, measureCceText } from '../../src/cce/index.ts';
import { plainImages } from './support.ts';

const images = { kind: 'images', references: ['example.com/a:1'] } as const;

describe('measureCceText', () => {
  it('measures the bytes and nothing but the bytes', () => {
    expect(measureCceText('').sha256).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(measureCceText('x').sha256).not.toBe(measureCceText('x\n').sha256);
    expect(measureCceText(Uint8Array.of(0xff)).text).toBeUndefined();
  });

  it('agrees with the measurement of the carrier value', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const measured = measureCceText(text);
        expect(measureCceBase64(` ${measured.base64}\n`).sha256).toBe(measured.sha256);
      }),
    );
  });

  it.each(['a', 'YQ', 'Y Q==', 'YQ==YQ==', 'YR==', 'é'])('refuses the carrier value %j', (base64) => {
    expect(() => measureCceBase64(base64)).toThrow(expect.objectContaining({ code: 'CCE_POLICY_INVALID' }));
  });

  it('refuses a carrier value that is not text or is megabytes long', () => {
    expect(() => cceTextOf('/w==')).toThrow(expect.objectContaining({ code: 'CCE_POLICY_INVALID' }));
    expect(() => cceTextOf('A'.repeat(5_000_000))).toThrow(expect.objectContaining({ code: 'CCE_POLICY_INVALID' }));
  });
});

describe('explainMeasurement', () => {
  it('finds each usual cause, alone and together', async () => {
    const [compact] = await generateCce(images, plainImages());
    const [pretty] = await generateCce(images, plainImages(), { containersFormat: 'pretty' });
    const text = compact?.text ?? '';
    const expected = compact?.sha256 ?? '';
    expect(explainMeasurement(text, expected.toUpperCase())).toBeUndefined();
    const steps = (changed: string) => explainMeasurement(changed, expected)?.explanation;
    expect(steps(`${text}\n\n\n`)).toEqual(['with 0 line feeds at the end']);
    expect(steps(text.replaceAll('\n', '\r\n'))).toEqual(['with LF line ends']);
    expect(steps(`\uFEFF${text}`)).toEqual(['without the byte order mark']);
    expect(steps(pretty?.text ?? '')).toEqual(['with containers on one line']);
    expect(explainMeasurement(text, pretty?.sha256 ?? '')?.explanation).toEqual(['with containers pretty-printed']);
    expect(steps(`${pretty?.text ?? ''}\n`)).toEqual(['with containers on one line', 'with 0 line feeds at the end']);
    expect(steps(text.replace('/app', '/other'))).toBeUndefined();
  });

  it('answers about a text of nothing but line feeds in bounded time', () => {
    expect(explainMeasurement(`${'\n'.repeat(1_000_000)}x`, '00'.repeat(32))?.explanation).toBeUndefined();
  });
});
