import { Problem } from '../../domain/errors.ts';
import type { LogRequest } from '../../domain/request.ts';
import type { Rotate } from '../../domain/log-rule.ts';
import type { LogInputWire } from './schemas/configuration.ts';

const rotations: Readonly<Record<NonNullable<LogInputWire['rotate']>, Rotate>> = {
  '': 'hourly',
  Hourly: 'hourly',
  Daily: 'daily',
  Weekly: 'weekly',
};

export function readLogs(sent: readonly LogInputWire[]): readonly LogRequest[] {
  return sent.map(({ logPath, rotate = '', hostPath, hostExtendPath = '' }, index) => {
    if (!logPath) {
      throw new Problem(
        'invalid',
        `Field "configuration.logs[${index}].logPath" is missing; expected a directory that the application writes log files into.`,
      );
    }
    return {
      path: logPath,
      rotate: rotations[rotate],
      isPerReplica: hostExtendPath.startsWith('Pod'),
      isPerContainer: hostExtendPath.endsWith('/ContainerName'),
      ...(hostPath && { hostPath }),
    };
  });
}
