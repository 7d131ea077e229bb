// Words.
import React from 'react';
import { renderMarkdown } from '@grafana/data';

export function Text({ options, replaceVariables }) {
  return <div className="markdown-html" dangerouslySetInnerHTML={{ __html: renderMarkdown(replaceVariables(options.content)) }} />;
}
