/** Whether tests try everything, however long it takes: HOLDFAST_THOROUGH=1, as `npm run test:slow` has it. */
export const thorough: boolean = process.env['HOLDFAST_THOROUGH'] === '1';

/** Step of a loop over every place of something: `step` in `npm test`, 1 when tests are thorough. Odd steps meet every bit. */
export function everyOrEach(step: number): number {
  return thorough ? 1 : step;
}

/** Runs of a property: a few in `npm test`, all when tests are thorough. */
export function runsOf(few: number, all: number): number {
  return thorough ? all : few;
}
