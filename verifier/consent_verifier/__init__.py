"""The command line around `consent_service.audit`, for machines without the service."""
