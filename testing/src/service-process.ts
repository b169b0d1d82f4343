import { RunningCommand } from './running-command.ts';

/** A running `holdfast serve` in a process of its own. */
export class ServiceProcess extends RunningCommand {
  constructor(service: string, configFile: string, env: Readonly<Record<string, string>> = {}) {
    super(['serve', service, '--config', configFile], env);
  }

  /** The URL of the service's API, once it listens; fails with the output when the process ends first. */
  listening(deadlineMs = 120_000): Promise<string> {
    return this.finds(() => /"addresses":\{[^}]*"http":"([^"]+)"/.exec(this.output)?.[1], deadlineMs);
  }

  /** Ends it without a chance to finish anything. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exit();
  }

  /** Asks it to stop as an orchestrator does, and answers the exit code. */
  override stop(): Promise<number | null> {
    this.signal('SIGTERM');
    return this.exit();
  }
}
