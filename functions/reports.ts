/** HTTP: the reports of the runs. @module */
import { app, type HttpFunctionOptions, type HttpRequest, type HttpResponseInit } from '@azure/functions';
import { z } from 'zod';
import type { Pipeline } from '../shared/pipeline/pipeline.ts';
import { listReports, readReport, REPORT_ANSWER_BYTES } from '../shared/reports/read-reports.ts';
import { settings } from './archiver.ts';
import { answer, forRole } from './http.ts';

const listQuery = z.strictObject({ before: z.iso.date().optional() });

const list = (pipeline: Pipeline, request: HttpRequest) =>
  answer(listQuery, Object.fromEntries(request.query), ({ before }) => listReports(pipeline, before));

const read = async (pipeline: Pipeline, request: HttpRequest): Promise<HttpResponseInit> => {
  const [, first, last] = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(request.headers.get('range') ?? '') ?? [];
  const range = first === undefined ? undefined : { start: Number(first), ...(last ? { end: Number(last) + 1 } : {}) };
  const { day = '', file = '' } = request.params;
  const report = await readReport(pipeline, `${day}/${file}`, range);
  if (report === undefined) return { status: 404, jsonBody: { error: 'There is no such report.' } };
  const { contentType, size, start, end, body } = report;
  if (range === undefined && end < size) {
    await body.cancel();
    return { status: 413, jsonBody: { error: `The report has ${size} bytes: ask for ranges of up to ${REPORT_ANSWER_BYTES} bytes.` } };
  }
  if (range !== undefined && start === end) return { status: 416, headers: { 'Content-Range': `bytes */${size}` } };
  const headers = {
    'Content-Type': contentType,
    'Content-Disposition': `attachment; filename="${file}"`,
    'X-Content-Type-Options': 'nosniff',
    'Accept-Ranges': 'bytes',
    ...(range === undefined ? {} : { 'Content-Range': `bytes ${start}-${end - 1}/${size}` }),
  };
  return { status: range === undefined ? 200 : 206, headers, body };
};

if (settings !== undefined) {
  const common = { authLevel: 'anonymous', methods: ['GET'] } satisfies Partial<HttpFunctionOptions>;
  app.http('listReports', { ...common, route: 'reports', handler: forRole('Archive.Reader', list) });
  app.http('readReport', { ...common, route: 'reports/{day}/{file}', handler: forRole('Archive.Reader', read) });
}
