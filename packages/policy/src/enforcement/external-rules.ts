import type { ExternalProcess } from './cce-policy.ts';
import { keptEnvironment } from './environment.ts';
import type { EvaluationContext } from './evaluation-context.ts';
import { commandMatches } from './predicates.ts';
import type { ExternalRequest } from './requests.ts';

export interface ExternalEvaluation {
  readonly surviving: readonly ExternalProcess[];
  readonly keptEnv: readonly string[] | undefined;
  readonly afterEnvironment: readonly ExternalProcess[];
  readonly stdioAmbiguous: boolean;
  readonly allowed: boolean;
  readonly allowStdio: boolean;
}

/** exec_external: a process in the VM outside containers, admitted by an external process of the policy or a fragment. */
export function evaluateExternal(request: ExternalRequest, context: EvaluationContext): ExternalEvaluation {
  const surviving = context
    .externalProcesses()
    .filter((process) => process.workingDir === request.workingDir && commandMatches(process.command, request.argList));
  const { environment, policy } = context;
  const keptEnv = keptEnvironment(surviving, request.envList, policy.flags.environmentDropping, environment);
  const afterEnvironment =
    keptEnv === undefined ? [] : surviving.filter((process) => environment.listAccepted(process.envRules, keptEnv));
  const allowStdio = afterEnvironment[0]?.allowStdio;
  const agreed = allowStdio !== undefined && afterEnvironment.every((process) => process.allowStdio === allowStdio);
  return {
    surviving,
    keptEnv,
    afterEnvironment,
    stdioAmbiguous: afterEnvironment.length > 0 && !agreed,
    allowed: agreed,
    allowStdio: allowStdio ?? false,
  };
}
