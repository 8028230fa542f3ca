FROM oraclelinux:9-slim

RUN set -eux; \
	groupadd --system --gid 999 mysql; \
	useradd --system --uid 999 --gid 999 --home-dir /var/lib/mysql --no-create-home mysql
ENV MYSQL_MAJOR innovation
ENV MYSQL_VERSION 9.1.0-1.el9
RUN set -eu; \
	. /etc/os-release; \
	{ \
		echo '[mysql]'; \
		echo 'name=MySQL'; \
		echo 'baseurl=https://repo.mysql.com/yum/mysql-innovation-community/el/9/$basearch/'; \
	} | tee /etc/yum.repos.d/mysql-community.repo
VOLUME /var/lib/mysql
COPY docker-entrypoint.sh /usr/local/bin/
RUN ln -s usr/local/bin/docker-entrypoint.sh /entrypoint.sh # backwards compat
ENTRYPOINT ["docker-entrypoint.sh"]
EXPOSE 3306 33060
CMD ["mysqld"]
