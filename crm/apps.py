from django.apps import AppConfig


class CrmConfig(AppConfig):
    name = "crm"

    def ready(self) -> None:
        from crm.outbox.actions import return_mails_of
        from crm.sign_in.actions import withdraw_links_of
        from crm.staff.actions import leaving

        leaving.extend((withdraw_links_of, return_mails_of))
