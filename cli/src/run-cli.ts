import { readFileSync } from 'node:fs';

import {
  ArgumentScannerError,
  buildApplication,
  buildRouteMap,
  formatMessageForArgumentScannerError,
  run,
  text_en,
} from '@stricli/core';
import type { Application, ApplicationText } from '@stricli/core';

import { serveCommand } from './commands/serve.ts';
import type { CliContext, CliIo } from './context.ts';
import { EXIT_FAILED, EXIT_OK, failureOf, policyFailure, renderFailure, usageFailure } from './failure.ts';
import type { Failure } from './failure.ts';

/**
 * Runs one command line and answers its exit code: 0 done, 1 failed or a negative verdict, 64 usage, 78 configuration,
 * others as a command documents them.
 */
export async function runCli(args: readonly string[], io: CliIo): Promise<number> {
  let failure: Failure | undefined;
  let exitCode = EXIT_OK;
  const report = (reported: Failure, thrown?: unknown): string => {
    failure ??= args[0] === 'policy' ? policyFailure(reported) : reported;
    if (thrown instanceof Error && (io.env['HOLDFAST_DEBUG'] ?? '') !== '') io.stderr.write(`${thrown.stack}\n`);
    return '';
  };
  const strict = {
    // What goes wrong is shown by renderFailure alone; the framework's own error lines go nowhere.
    process: { stdout: io.stdout, stderr: { write: () => undefined }, env: io.env, exitCode: undefined },
    io,
    setExitCode: (code: number) => {
      exitCode = code;
    },
  };
  const app = await buildApp(report, args);
  await run(app, args, strict as unknown as CliContext & { process: { env?: Record<string, string> } });
  if (failure === undefined) return exitCode;
  renderFailure(failure, args.includes('--json'), io);
  return failure.exitCode;
}

type Report = (failure: Failure, thrown?: unknown) => string;

async function buildApp(report: Report, args: readonly string[]): Promise<Application<CliContext>> {
  const root = buildRouteMap({
    // A service that starts needs no other command, and a container starts sooner without them.
    routes: args[0] === 'serve' ? { serve: serveCommand } : (await import('./commands/routes.ts')).routes,
    docs: {
      brief: 'Run confidential workloads: an attested UID2 private operator and everything around it.',
      hideRoute: {},
    },
  });
  return buildApplication<CliContext>(root, {
    name: 'holdfast',
    versionInfo: { currentVersion: packageVersion() },
    scanner: { caseStyle: 'allow-kebab-for-camel', allowArgumentEscapeSequence: true },
    documentation: { disableAnsiColor: true },
    localization: { text: texts(report) },
  });
}

function packageVersion(): string {
  const file = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(file) as { readonly version: string }).version;
}

const HELP = 'Run holdfast --help, or the command with --help, to see what there is';

function texts(report: Report): ApplicationText {
  return {
    ...text_en,
    noCommandRegisteredForInput: ({ input, corrections }) =>
      report(usageFailure(`there is no command "${input}"${didYouMean(corrections)}`, HELP)),
    exceptionWhileParsingArguments: (thrown) =>
      report(
        thrown instanceof ArgumentScannerError ? usageFailure(describeArgument(thrown), HELP) : failureOf(thrown),
        thrown,
      ),
    exceptionWhileLoadingCommandFunction: (thrown) => report(failureOf(thrown), thrown),
    exceptionWhileLoadingCommandContext: (thrown) => report(failureOf(thrown), thrown),
    exceptionWhileRunningCommand: (thrown) => report(failureOf(thrown), thrown),
    commandErrorResult: (error) => report(failureOf(error), error),
    exceptionWhileRunningIntegrationHook: ({ exception }) =>
      report({ ...failureOf(exception), exitCode: EXIT_FAILED }, exception),
    exceptionWhileRunningIntegrationFlag: ({ exception }) =>
      report({ ...failureOf(exception), exitCode: EXIT_FAILED }, exception),
  };
}

function describeArgument(error: ArgumentScannerError): string {
  return formatMessageForArgumentScannerError(error, {
    FlagNotFoundError: ({ input, corrections }) =>
      `there is no option --${input}${didYouMean(corrections.map((correction) => `--${correction}`))}`,
    AliasNotFoundError: ({ input }) => `there is no option -${input}`,
    ArgumentParseError: ({ externalFlagNameOrPlaceholder, exception }) =>
      describeParseError(externalFlagNameOrPlaceholder, exception),
    EnumValidationError: ({ externalFlagName, input, values }) =>
      `--${externalFlagName} cannot be "${input}"; it is one of ${values.join(', ')}`,
    UnsatisfiedFlagError: ({ externalFlagName }) => `--${externalFlagName} needs a value`,
    UnexpectedFlagError: ({ externalFlagName, input }) => `--${externalFlagName} was given twice, again as "${input}"`,
    UnexpectedPositionalError: ({ expectedCount, input }) =>
      `"${input}" is one argument too many; the command takes ${expectedCount}`,
    UnsatisfiedPositionalError: ({ placeholder }) => `the argument ${placeholder} is missing`,
  });
}

/** Options are named by their name; arguments, whose placeholders are in capitals, speak for themselves. */
function describeParseError(name: string, exception: unknown): string {
  const problem = exception instanceof Error ? exception.message : String(exception);
  return name === name.toUpperCase() ? problem : `--${name}: ${problem}`;
}

function didYouMean(corrections: readonly string[]): string {
  return corrections.length === 0 ? '' : `; did you mean ${corrections.join(' or ')}?`;
}
