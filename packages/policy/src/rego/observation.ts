import type { Evaluation } from './evaluation.ts';
import type { RegoValue } from './value.ts';

export type RegoComparisonOperator = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in';

/** Something that happened while a query was answered, for those who explain the answer. */
export type RegoObservation =
  | {
      readonly kind: 'comparison';
      readonly operator: RegoComparisonOperator;
      readonly left: RegoValue;
      readonly right: RegoValue;
      readonly holds: boolean;
      /** Rules and functions that wait for it, outermost first, such as `data.policy.allow`. */
      readonly rules: readonly string[];
    }
  | {
      readonly kind: 'host-call';
      readonly name: string;
      readonly values: readonly RegoValue[];
      readonly result: RegoValue | undefined;
      readonly rules: readonly string[];
    };

/** The names of the rules under evaluation, outermost first. */
export function rulesUnderEvaluation({ active }: Evaluation): readonly string[] {
  return [...active].map(({ name }) => name);
}
